"""What answers are held against: medicines and their classes, and the parts of the body."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from clients import triage
from clients.models.questionnaire import PRESSURES, SCOPES, SEVERITIES, pressure_of


class MedicationClass(models.Model):
    """What a therapist must know about a kind of medicine."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    code = models.SlugField(_("code"), max_length=40, unique=True)
    label = models.CharField(_("label"), max_length=120)
    client_label = models.CharField(_("label for clients"), max_length=120)
    severity = models.CharField(_("severity"), max_length=8, choices=SEVERITIES)
    scope = models.CharField(_("reach"), max_length=12, choices=SCOPES)
    max_pressure = models.CharField(_("most pressure"), max_length=8, choices=PRESSURES, blank=True)
    precaution = models.TextField(_("for the therapist"))
    client_text = models.TextField(_("for the client"), blank=True)
    escalate_to_stop_if: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=200), verbose_name=_("a stop if"), default=list, blank=True
    )
    basis = models.CharField(_("basis"), max_length=12)
    source = models.TextField(_("source"), blank=True)

    class Meta:
        verbose_name = _("medication class")
        verbose_name_plural = _("medication classes")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.label

    def as_class(self) -> triage.MedicationClass:
        return triage.MedicationClass(
            code=self.code,
            severity=triage.Severity[self.severity.upper()],
            scope=triage.Scope(self.scope),
            cap=pressure_of(self.max_pressure),
            label=self.label,
            client_label=self.client_label,
            note=self.precaution,
            message=self.client_text,
            ask=tuple(self.escalate_to_stop_if),
        )


class Route(models.TextChoices):
    """How a medicine gets into the body, in the words on the box."""

    ORAL = "oral", _("tablet, capsule or liquid")
    INJECTION = "injection", _("injection")
    TOPICAL = "topical", _("cream or gel")
    PATCH = "patch", _("patch")
    INHALED = "inhaled", _("inhaler")
    NASAL = "nasal", _("nose spray")
    EYE_EAR = "eye_ear", _("eye or ear drops")
    VAGINAL = "vaginal", _("vaginal")
    RECTAL = "rectal", _("suppository or enema")


class Medication(models.Model):
    """A name a client may type, brand or generic, for one route."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(_("name"), max_length=120)
    route = models.CharField(_("route"), max_length=12, choices=Route.choices)
    #: the name without case, accents, punctuation and spaces; and the same word by word
    key = models.CharField(max_length=120, editable=False)
    words = models.CharField(max_length=140, editable=False)
    name_type = models.CharField(_("kind of name"), max_length=8, choices=[("brand", _("brand")), ("generic", _("generic"))])
    generic_name = models.CharField(_("ingredients"), max_length=200)
    rx_otc = models.CharField(
        _("sold"), max_length=4, choices=[("rx", _("on prescription")), ("otc", _("freely")), ("both", _("both ways"))]
    )
    class_codes: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=40), verbose_name=_("classes"))
    fda_epc = models.TextField(_("FDA class"), blank=True)
    source = models.CharField(_("source"), max_length=20)
    #: near spellings are worked out anew when this moves on
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("medication")
        verbose_name_plural = _("medications")
        ordering = ["name", "route"]
        constraints = [models.UniqueConstraint(Lower("name"), F("route"), name="medication_once_per_route")]
        indexes = [
            # exact names, and what begins with the typed letters
            models.Index(OpClass(F("key"), name="varchar_pattern_ops"), name="medication_by_key"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.get_route_display()}"


class BodyRegion(models.Model):
    """An area of the body or a part of one, with its place on the chart. Left and right are the person's."""

    class Treatable(models.TextChoices):
        GROUP = "group", _("an area of several parts")
        YES = "yes", _("yes")
        LIMITED = "limited", _("within limits")
        CONSENT = "consent", _("with specific consent")
        NO = "no", _("no")

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    code = models.SlugField(_("code"), max_length=40, unique=True)
    label = models.CharField(_("label"), max_length=80)
    side = models.CharField(_("side"), max_length=8)
    area = models.CharField(_("area"), max_length=40)
    common_muscles: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=60), verbose_name=_("muscles"), default=list, blank=True
    )
    caution = models.TextField(_("caution"), blank=True)
    treatable = models.CharField(_("treatable"), max_length=8, choices=Treatable.choices)
    #: the middle of the marker on the drawing, in its own units
    x = models.PositiveSmallIntegerField()
    y = models.PositiveSmallIntegerField()
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("body region")
        verbose_name_plural = _("body regions")
        ordering = ["order"]

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        """Forms list parts under their area, and could show none that has no area, or one that is no area any more."""
        areas, parts = BodyRegion.objects.filter(treatable=self.Treatable.GROUP), BodyRegion.objects.exclude(pk=self.pk)
        if self.treatable != self.Treatable.GROUP:
            if not areas.exclude(pk=self.pk).filter(code=self.area).exists():
                raise ValidationError({"area": _("There is no area with this code. Add the area first.")})
            if parts.filter(area=self.code).exists():
                raise ValidationError({"treatable": _("This is an area that has parts. Move them to another one first.")})

    def as_region(self) -> triage.Region:
        return triage.Region(self.code, self.area, self.treatable)
