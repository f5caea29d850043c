"""Names of places, people and treatments stand on one line."""

from django.db import migrations, models

from lines import LineField, cleared


class Migration(migrations.Migration):
    dependencies = [
        ("therapists", "0009_caps"),
    ]

    operations = [
        migrations.RunSQL(cleared("therapists_location", "name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("therapists_room", "name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("therapists_closure", "name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("therapists_therapist", "name", "focus"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("therapists_treatment", "name", "neutral_name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("therapists_painkiller", "name"), migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="closure",
            name="name",
            field=LineField(help_text="Clients read it, like “Summer break”.", max_length=120, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="location",
            name="name",
            field=LineField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="painkiller",
            name="name",
            field=LineField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="room",
            name="name",
            field=LineField(max_length=80, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="therapist",
            name="focus",
            field=LineField(blank=True, help_text="Like “Neck, shoulder and jaw”.", max_length=120, verbose_name="focus"),
        ),
        migrations.AlterField(
            model_name="therapist",
            name="name",
            field=LineField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="treatment",
            name="name",
            field=LineField(max_length=120, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="treatment",
            name="neutral_name",
            field=LineField(
                blank=True,
                help_text="In mails, text messages and calendars, which others may read. Empty: “session”.",
                max_length=60,
                verbose_name="name in messages",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="closure_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="location",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="location_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="painkiller",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="painkiller_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="room",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="room_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="therapist",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True),
                    models.Q(("focus__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True),
                ),
                name="therapist_name_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="treatment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True),
                    models.Q(
                        ("neutral_name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True
                    ),
                ),
                name="treatment_name_on_one_line",
            ),
        ),
    ]
