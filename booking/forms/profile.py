"""What therapists say of themselves: to clients, to whoever looks for somebody who can treat, and to their own mailbox."""

from __future__ import annotations

from typing import Any, ClassVar

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field
from django import forms
from django.forms.models import BaseInlineFormSet, inlineformset_factory
from django.utils.translation import gettext_lazy as _

from booking.forms.abilities import PolicyForm, areas_field, known_classes, known_conditions, languages_field
from booking.forms.layout import helper
from clients.models import User
from therapists.models import ConditionPolicy, MedicationPolicy, Painkiller, Photo, Therapist, Treatment
from therapists.photos import portrait

#: Empty rows under those that exist.
SPARE_ROWS = 2


class AboutForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, photo and a few words."""

    photo = forms.FileField(
        label=_("New photo"),
        required=False,
        help_text=_("JPEG, PNG or WebP, up to 12 MB. We keep a small square of it and nothing that the camera noted."),
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )
    no_photo = forms.BooleanField(label=_("Show no photo"), required=False)

    class Meta:
        model = Therapist
        fields: ClassVar[list[str]] = ["name", "focus", "about", "languages", "gender"]
        widgets: ClassVar[dict[str, forms.Widget]] = {"about": forms.Textarea(attrs={"rows": 4, "maxlength": 300})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["languages"] = languages_field(self.instance.languages)
        self.has_photo = Photo.objects.filter(therapist=self.instance).exists()
        if not self.has_photo:
            del self.fields["no_photo"]

    @property
    def helper(self) -> FormHelper:
        photo = ["photo", "no_photo"] if self.has_photo else ["photo"]
        return helper("name", *photo, "focus", "about", Field("languages", wrapper_class="chips wide"), "gender")

    def clean_photo(self) -> bytes | None:
        """The square that is kept of what was sent."""
        sent = self.cleaned_data["photo"]
        return portrait(sent.file, sent.size) if sent else None

    def write(self) -> None:
        self.instance.save(update_fields=self.Meta.fields)
        if self.cleaned_data["photo"]:
            Photo.objects.put_up(self.instance, self.cleaned_data["photo"])
        elif self.cleaned_data.get("no_photo"):
            Photo.objects.filter(therapist=self.instance).delete()


class WorkForm(forms.ModelForm):  # type: ignore[type-arg]
    """What one gives, where on the body, and how firmly."""

    treatments = forms.ModelMultipleChoiceField(
        label=_("Treatments I give"),
        queryset=Treatment.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Rooms go with the treatment. What sessions are booked stays booked."),
    )
    areas = areas_field()

    class Meta:
        model = Therapist
        fields: ClassVar[list[str]] = ["least_pressure", "most_pressure", "areas"]
        help_texts: ClassVar[dict[str, str]] = {"least_pressure": ""}  # said above the form, to the therapist

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = Treatment.objects.filter(location=self.instance.location_id, is_active=True).order_by("order", "name")
        self.fields["treatments"].queryset = offered  # type: ignore[attr-defined]
        self.initial["treatments"] = [each.pk for each in offered.filter(therapists=self.instance)]

    @property
    def helper(self) -> FormHelper:
        pressures = Div("least_pressure", "most_pressure", css_class="side-by-side")
        return helper(Field("treatments", wrapper_class="wide"), pressures, Field("areas", wrapper_class="chips wide"))

    def write(self) -> None:
        """Treatments that are not offered now stay as they are."""
        self.instance.save(update_fields=self.Meta.fields)
        unseen = self.instance.treatments.exclude(pk__in=self.fields["treatments"].queryset)  # type: ignore[attr-defined]
        self.instance.treatments.set([*unseen, *self.cleaned_data["treatments"]])


class MailForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Therapist
        fields: ClassVar[list[str]] = ["is_told_of_day"]

    @property
    def helper(self) -> FormHelper:
        return helper("is_told_of_day")

    def write(self) -> None:
        self.instance.save(update_fields=self.Meta.fields)


class LimitsForm:
    """What one does about medicines and conditions, and the painkillers one may name: three lists, sent together."""

    def __init__(self, data: Any, therapist: Therapist, by: User) -> None:
        self.is_bound = data is not None
        medicines = {"about": "medication_class", "known": known_classes(), "by": by}
        conditions = {"about": "condition", "known": known_conditions(), "by": by}
        self.medicines = _rows(MedicationPolicy, medicines)(data, instance=therapist, prefix="medicines")
        self.conditions = _rows(ConditionPolicy, conditions)(data, instance=therapist, prefix="conditions")
        self.painkillers = inlineformset_factory(Therapist, Painkiller, fields=["name", "note"], extra=SPARE_ROWS)(
            data, instance=therapist, prefix="painkillers"
        )
        self.lists = (self.medicines, self.conditions, self.painkillers)

    def is_valid(self) -> bool:
        return self.medicines.is_valid() & self.conditions.is_valid() & self.painkillers.is_valid()

    def write(self) -> None:
        for rows in self.lists:
            rows.save()

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """The id of the field, its label and what is wrong, one row each; what is wrong with a list as a whole comes last."""
        fields = [
            (field.id_for_label, str(field.label), str(error))
            for rows in self.lists
            for form in rows.forms
            for field in form
            for error in field.errors
        ]
        forms_ = [("", "", str(error)) for rows in self.lists for form in rows.forms for error in form.non_field_errors()]
        return fields + forms_ + [("", "", str(error)) for rows in self.lists for error in rows.non_form_errors()]


def _rows(model: type[MedicationPolicy | ConditionPolicy], facts: dict[str, Any]) -> type[BaseInlineFormSet]:  # type: ignore[type-arg]
    form = type("OwnPolicyForm", (PolicyForm,), facts)
    return inlineformset_factory(Therapist, model, form=form, fields=[facts["about"], "stance", "reason"], extra=SPARE_ROWS)
