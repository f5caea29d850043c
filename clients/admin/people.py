# mypy: disable-error-code="type-arg"
"""People at the desk: who signs in, who is treated, what they agreed to."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.decorators import reauthentication_required
from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from clients.access import accounts_seen_by, keeps_account
from clients.models import Client, Consent, Response, ResponseView, User
from clients.roles import ROLES
from clients.services.accounts import (
    end_sessions,
    hand_out,
    is_last_superuser,
    let_see_colleagues,
    role_of,
    sees_colleagues,
)

for model in (Group, EmailAddress, Authenticator):  # their numbers are sequential and would stand in URLs
    admin.site.unregister(model)


class StaffForm(forms.ModelForm):
    """An account of somebody who works here, with one role. There is no password in it: they choose their own."""

    role = forms.ChoiceField(label=_("role"), choices=ROLES)
    sees_colleagues = forms.BooleanField(
        label=_("sees when colleagues are taken"),
        required=False,
        help_text=_("For therapists: their calendar has a column for each colleague, and they may give sessions of theirs away."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["role"] = role_of(self.instance)
            self.initial["sees_colleagues"] = sees_colleagues(self.instance)


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        stays = data.get("is_active") and data.get("is_superuser")
        if not stays and is_last_superuser(self.instance):
            self.add_error(None, _("Nobody else is a superuser. Make somebody else one first; nothing was changed."))
        return data


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Managers keep the accounts of those who work here; rights beyond a role, and passwords, are for superusers."""

    form = UserForm
    add_form = StaffForm
    add_form_template = "admin/change_form.html"
    list_display = ("email", "name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "name")
    date_hierarchy = "date_joined"
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("email", "name", "role", "sees_colleagues", "is_active"),
                "description": _("They get a mail with a link under which they choose their password."),
            },
        ),
    )
    seen_fieldsets = ((None, {"fields": ("email", "name", "is_active", "groups", "last_login", "date_joined")}),)
    staff_fieldsets = (
        (None, {"fields": ("email", "name", "role", "sees_colleagues", "is_active", "last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).filter(pk__in=accounts_seen_by(request.user).values("pk"))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or keeps_account(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever deletes accounts stays."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.pk != request.user.pk)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None or request.user.is_superuser:
            return super().get_fieldsets(request, obj)
        return self.staff_fieldsets if self.has_change_permission(request, obj) else self.seen_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Whoever could write another address to an account could have its password sent there."""
        is_fixed = obj is not None and not request.user.is_superuser
        return (*self.readonly_fields, "email") if is_fixed else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None and not request.user.is_superuser:
            kwargs["form"] = StaffForm if self.has_change_permission(request, obj) else forms.ModelForm
        return super().get_form(request, obj, change=change, **kwargs)

    @method_decorator(reauthentication_required)
    def changeform_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **more)

    @method_decorator(reauthentication_required)
    def delete_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return super().delete_view(request, *args, **more)

    @method_decorator(reauthentication_required)
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if "role" in form.cleaned_data:
            hand_out(obj, form.cleaned_data["role"])
            let_see_colleagues(obj, form.cleaned_data["sees_colleagues"])
        if not change:
            _invite(obj, request)
        if not obj.is_active or "is_active" in form.changed_data:  # what was begun meanwhile does not wake up either
            end_sessions(obj, timezone.now())


def _invite(user: User, request: HttpRequest) -> None:
    """Write to a new account, once it is kept, with the link under which a password is chosen. Nobody else knows one."""
    form = ResetPasswordForm({"email": user.email})
    if form.is_valid():
        transaction.on_commit(lambda: form.save(request))


class ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ConsentInline(ReadOnly, admin.TabularInline):
    model = Consent
    fields = ("kind", "version", "text", "agreed_at", "by", "withdrawn_at")
    extra = 0


@admin.register(Client)
class ClientAdmin(admin.ModelAdmin):
    list_display = ("name", "email", "phone", "created_at")
    list_filter = ("created_at",)
    search_fields = ("name", "email", "phone")
    date_hierarchy = "created_at"
    ordering = ("name",)
    autocomplete_fields = ("user",)
    inlines: ClassVar[list[Any]] = [ConsentInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        """Whose sign-in opens what is kept of a client is proved by mail; a superuser can mend it by hand."""
        return ("created_at",) if request.user.is_superuser else ("created_at", "user")


@admin.register(Consent)
class ConsentAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("client", "kind", "version", "agreed_at", "by", "withdrawn_at")
    list_filter = ("kind", "version")
    list_select_related = ("client", "by")
    search_fields = ("client__name", "client__email")
    date_hierarchy = "agreed_at"
    ordering = ("-agreed_at",)


@admin.register(Response)
class ResponseAdmin(ReadOnly, admin.ModelAdmin):
    """Whether a form is there, and its flag; never an answer."""

    list_display = ("client", "kind", "session_on", "state", "severity", "submitted_at")
    list_filter = ("state", "severity", "kind")
    list_select_related = ("client",)
    search_fields = ("client__name", "client__email")
    date_hierarchy = "started_at"
    ordering = ("-started_at",)


@admin.register(ResponseView)
class ResponseViewAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("response", "by_name", "at")
    list_filter = ("at",)
    list_select_related = ("response",)
    search_fields = ("by_name", "response__client__name")
    date_hierarchy = "at"
    ordering = ("-at",)
