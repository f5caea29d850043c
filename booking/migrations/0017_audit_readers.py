"""Who read what is looked up by reader; the desk's forms, openings and copies are in the audit as well."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0016_audit_chain"),
        ("clients", "0006_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditentry",
            name="action",
            field=models.CharField(
                choices=[
                    ("booked", "booked"),
                    ("moved", "moved"),
                    ("cancelled", "cancelled"),
                    ("status", "changed state"),
                    ("undone", "undone"),
                    ("reanchored", "re-anchored"),
                    ("on_hold", "put on hold"),
                    ("cleared", "taken off hold"),
                    ("decided", "decided"),
                    ("read_answers", "read answers"),
                    ("read_note", "read a note"),
                    ("corrected", "changed details"),
                    ("erased", "erased"),
                    ("looked_at", "looked at"),
                    ("taken_along", "took a copy"),
                    ("added", "added"),
                    ("changed", "changed"),
                    ("deleted", "deleted"),
                ],
                max_length=16,
                verbose_name="action",
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["by", "at"], name="audit_entry_by_whom"),
        ),
    ]
