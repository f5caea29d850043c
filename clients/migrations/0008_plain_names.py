"""Names of people stand on one line."""

from django.db import migrations, models

from lines import LineField, cleared


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0007_recovery_hashes"),
    ]

    operations = [
        migrations.RunSQL(cleared("clients_client", "name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("clients_user", "name"), migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="client",
            name="name",
            field=LineField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="user",
            name="name",
            field=LineField(blank=True, max_length=120, verbose_name="name"),
        ),
        migrations.AddConstraint(
            model_name="client",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="client_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="user_name_on_one_line",
            ),
        ),
    ]
