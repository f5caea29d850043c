"""Whom a therapist can treat; the tables that say so revise the rulebook as all others do."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import therapists.models.people

TABLES = ("therapists_medicationpolicy", "therapists_conditionpolicy", "therapists_painkiller")
TRIGGER = """
CREATE TRIGGER revise_rulebook AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION therapists_revise();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("therapists", "0003_change_policy"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConditionPolicy",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "stance",
                    models.CharField(
                        choices=[
                            ("accept", "treats, within limits"),
                            ("review", "decides before the session"),
                            ("decline", "does not treat"),
                        ],
                        max_length=8,
                        verbose_name="stance",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("set_at", models.DateTimeField(auto_now=True, verbose_name="set at")),
                ("condition", models.SlugField(max_length=40, verbose_name="condition")),
            ],
            options={
                "verbose_name": "policy on a condition",
                "verbose_name_plural": "policies on conditions",
                "ordering": ["condition"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="MedicationPolicy",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "stance",
                    models.CharField(
                        choices=[
                            ("accept", "treats, within limits"),
                            ("review", "decides before the session"),
                            ("decline", "does not treat"),
                        ],
                        max_length=8,
                        verbose_name="stance",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300, verbose_name="reason")),
                ("set_at", models.DateTimeField(auto_now=True, verbose_name="set at")),
                ("medication_class", models.SlugField(max_length=40, verbose_name="medicine class")),
            ],
            options={
                "verbose_name": "policy on a medicine class",
                "verbose_name_plural": "policies on medicines",
                "ordering": ["medication_class"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Painkiller",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
            ],
            options={
                "verbose_name": "approved painkiller",
                "verbose_name_plural": "approved painkillers",
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="therapist",
            name="areas",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("HEAD", "Head and jaw"),
                        ("NECK", "Neck"),
                        ("SHOULDER", "Shoulders"),
                        ("CHEST", "Chest"),
                        ("BACK_UPPER", "Upper back"),
                        ("BACK_LOWER", "Lower back"),
                        ("BUTTOCK_HIP", "Buttocks and hips"),
                        ("ARM", "Arms"),
                        ("HAND", "Wrists and hands"),
                        ("ABDOMEN", "Belly"),
                        ("THIGH", "Thighs"),
                        ("KNEE", "Knees"),
                        ("LOWER_LEG", "Shins and calves"),
                        ("FOOT", "Ankles and feet"),
                    ],
                    max_length=16,
                ),
                blank=True,
                default=list,
                help_text="None ticked means all of them.",
                size=None,
                verbose_name="body areas treated",
            ),
        ),
        migrations.AddField(
            model_name="therapist",
            name="gender",
            field=models.CharField(
                blank=True,
                choices=[("female", "female"), ("male", "male"), ("other", "another")],
                help_text="For clients who prefer a therapist of a certain gender. May be left open.",
                max_length=8,
                verbose_name="gender",
            ),
        ),
        migrations.AddField(
            model_name="therapist",
            name="gives_daily",
            field=models.BooleanField(default=True, verbose_name="gives daily courses"),
        ),
        migrations.AddField(
            model_name="therapist",
            name="languages",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=8, validators=[therapists.models.people.validate_language]),
                blank=True,
                default=list,
                help_text="Codes with commas between, like en, de. Clients see them by name.",
                size=None,
                verbose_name="languages",
            ),
        ),
        migrations.AddField(
            model_name="therapist",
            name="least_pressure",
            field=models.PositiveSmallIntegerField(
                choices=[(3, "light (1–3)"), (5, "medium (4–5)"), (7, "firm (6–7)"), (8, "intense (8)")],
                default=3,
                help_text="Who may only be touched more lightly than this is not offered this therapist.",
                verbose_name="least pressure",
            ),
        ),
        migrations.AddField(
            model_name="therapist",
            name="most_pressure",
            field=models.PositiveSmallIntegerField(
                choices=[(3, "light (1–3)"), (5, "medium (4–5)"), (7, "firm (6–7)"), (8, "intense (8)")],
                default=8,
                verbose_name="most pressure",
            ),
        ),
        migrations.AddConstraint(
            model_name="therapist",
            constraint=models.CheckConstraint(
                condition=models.Q(("most_pressure__gte", models.F("least_pressure"))), name="therapist_pressures_in_order"
            ),
        ),
        migrations.AddField(
            model_name="conditionpolicy",
            name="set_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="set by",
            ),
        ),
        migrations.AddField(
            model_name="conditionpolicy",
            name="therapist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="condition_policies",
                to="therapists.therapist",
                verbose_name="therapist",
            ),
        ),
        migrations.AddField(
            model_name="medicationpolicy",
            name="set_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="set by",
            ),
        ),
        migrations.AddField(
            model_name="medicationpolicy",
            name="therapist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="medication_policies",
                to="therapists.therapist",
                verbose_name="therapist",
            ),
        ),
        migrations.AddField(
            model_name="painkiller",
            name="therapist",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="painkillers",
                to="therapists.therapist",
                verbose_name="therapist",
            ),
        ),
        migrations.AddConstraint(
            model_name="conditionpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("stance", "accept"), _negated=True), models.Q(("reason", ""), _negated=True), _connector="OR"
                ),
                name="conditionpolicy_accepts_with_reason",
                violation_error_message="Treating what the form would have decided about first needs a reason.",
            ),
        ),
        migrations.AddConstraint(
            model_name="conditionpolicy",
            constraint=models.UniqueConstraint(fields=("therapist", "condition"), name="conditionpolicy_once_per_condition"),
        ),
        migrations.AddConstraint(
            model_name="medicationpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("stance", "accept"), _negated=True), models.Q(("reason", ""), _negated=True), _connector="OR"
                ),
                name="medicationpolicy_accepts_with_reason",
                violation_error_message="Treating what the form would have decided about first needs a reason.",
            ),
        ),
        migrations.AddConstraint(
            model_name="medicationpolicy",
            constraint=models.UniqueConstraint(fields=("therapist", "medication_class"), name="medicationpolicy_once_per_class"),
        ),
        migrations.AddConstraint(
            model_name="painkiller",
            constraint=models.UniqueConstraint(fields=("therapist", "name"), name="painkiller_once_per_therapist"),
        ),
        migrations.RunSQL(
            "".join(TRIGGER.format(table=table) for table in TABLES),
            "".join(f"DROP TRIGGER revise_rulebook ON {table};" for table in TABLES),
        ),
    ]
