"""Names of templates, and of doctors and their letters, stand on one line."""

from django.db import migrations, models

from lines import LineField, cleared


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0017_audit_readers"),
    ]

    operations = [
        migrations.RunSQL(cleared("booking_notetemplate", "name"), migrations.RunSQL.noop),
        migrations.RunSQL(cleared("booking_clearance", "given_by", "reference"), migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="clearance",
            name="given_by",
            field=LineField(help_text="The doctor or clinic.", max_length=120, verbose_name="given by"),
        ),
        migrations.AlterField(
            model_name="clearance",
            name="reference",
            field=LineField(
                help_text="Where the letter is kept, like “folder 12, 4 March”.", max_length=120, verbose_name="document"
            ),
        ),
        migrations.AlterField(
            model_name="notetemplate",
            name="name",
            field=LineField(max_length=60, verbose_name="name"),
        ),
        migrations.AddConstraint(
            model_name="clearance",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("given_by__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True
                    ),
                    models.Q(
                        ("reference__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True
                    ),
                ),
                name="clearance_on_one_line",
            ),
        ),
        migrations.AddConstraint(
            model_name="notetemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name__regex", "[\\u0001-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]"), _negated=True)
                ),
                name="note_template_name_on_one_line",
            ),
        ),
    ]
