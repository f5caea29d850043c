"""A rule may make a first session longer and ask for days of rest."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0002_intake"),
    ]

    operations = [
        migrations.AddField(
            model_name="flagrule",
            name="extra_minutes",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="A client's first session is this much longer.",
                validators=[django.core.validators.MaxValueValidator(120)],
                verbose_name="extra minutes",
            ),
        ),
        migrations.AddField(
            model_name="flagrule",
            name="rest_days",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Whole days between two sessions of a series, at least.",
                validators=[django.core.validators.MaxValueValidator(60)],
                verbose_name="days of rest",
            ),
        ),
        migrations.AddConstraint(
            model_name="flagrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("extra_minutes__lte", 120), ("rest_days__lte", 60)), name="rule_lengthens_within_reason"
            ),
        ),
    ]
