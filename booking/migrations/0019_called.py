"""Clients not seen lately, once called, are off that list for as long."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0018_plain_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="reach",
            name="called_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="called"),
        ),
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
                    ("called", "called"),
                    ("added", "added"),
                    ("changed", "changed"),
                    ("deleted", "deleted"),
                ],
                max_length=16,
                verbose_name="action",
            ),
        ),
    ]
