# mypy: disable-error-code="type-arg"
"""People at the desk: who signs in, who is treated, what they agreed to."""

from __future__ import annotations

from datetime import datetime
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
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clients.access import accounts_seen_by, keeps_account
from clients.models import Client, Consent, Response, ResponseView, User
from clients.roles import ROLES, THERAPIST
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

    role = forms.ChoiceField(label=_("Role"), choices=ROLES)
    sees_colleagues = forms.BooleanField(
        label=_("Sees when colleagues are taken"),
        required=False,
        help_text=_("For therapists: their calendar has a column for each colleague, and they may give sessions of theirs away."),
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_active")
        help_texts: ClassVar[dict[str, Any]] = {
            "is_active": _("Without it they cannot sign in, and what they have open anywhere ends at once.")
        }

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


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return ROLES

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        if chosen == THERAPIST:
            return queryset.filter(groups=None, is_superuser=False, client=None)
        return queryset.filter(groups__name=chosen) if chosen else queryset


def _clock(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "D j M Y, H:i")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Managers keep the accounts of those who work here; rights beyond a role, and passwords, are for superusers."""

    form = UserForm
    add_form = StaffForm
    add_form_template = "admin/change_form.html"
    list_display = ("name_or_address", "email", "role_in_words", "second_factor", "last_signed_in", "state")
    list_filter = (RoleFilter, "is_active")
    list_select_related = ("client",)
    search_fields = ("email", "name")
    search_help_text = _("Part of a name or an address.")
    ordering = ("name", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined", "role_in_words", "second_factor", "last_signed_in", "since", "state")
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
    seen_fieldsets = (
        (
            None,
            {
                "fields": ("email", "name", "role_in_words", "state", "second_factor", "last_signed_in", "since"),
                "description": _("This is your own account: somebody else who keeps accounts changes it."),
            },
        ),
    )
    staff_fieldsets = (
        (None, {"fields": ("email", "name", "role", "sees_colleagues", "is_active")}),
        (_("Sign-in"), {"fields": ("second_factor", "last_signed_in", "since")}),
    )

    @admin.display(description=_("name"), ordering="name")
    def name_or_address(self, user: User) -> str:
        return user.name or user.email

    @admin.display(description=_("role"))
    def role_in_words(self, user: User) -> str:
        if user.is_superuser:
            return gettext("superuser")
        has = {group.name for group in user.groups.all()}
        is_client_only = not has and not user.is_staff and hasattr(user, "client")
        return gettext("client") if is_client_only else str(next((word for role, word in ROLES if role in has), ROLES[-1][1]))

    @admin.display(description=_("second factor"), ordering="-has_factor")
    def second_factor(self, user: Any) -> str:
        return gettext("set up") if user.has_factor else gettext("not yet")

    @admin.display(description=_("last signed in"), ordering="last_login")
    def last_signed_in(self, user: User) -> str:
        return _clock(user.last_login) if user.last_login else gettext("never")

    @admin.display(description=_("account since"))
    def since(self, user: User) -> str:
        return _clock(user.date_joined)

    @admin.display(description=_("state"), ordering="-is_active")
    def state(self, user: User) -> str:
        return gettext("active") if user.is_active else gettext("disabled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factors = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
        seen: QuerySet[User] = super().get_queryset(request).filter(pk__in=accounts_seen_by(request.user).values("pk"))
        return seen.annotate(has_factor=Exists(factors)).prefetch_related("groups")

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

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"title": gettext("Accounts")} | (extra_context or {}))

    def render_change_form(
        self, request: HttpRequest, context: Any, add: bool = False, change: bool = False, form_url: str = "", obj: Any = None
    ) -> HttpResponse:
        title = gettext("Account of %(name)s") % {"name": obj} if obj else gettext("New account")
        plain = {"subtitle": None, "show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context | {"title": title} | plain, add, change, form_url, obj)

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
