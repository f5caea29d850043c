# mypy: disable-error-code="type-arg"
"""People at the desk: who signs in, who is treated, what they agreed to."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _

from clients.models import Client, Consent, Response, ResponseView, User

for model in (Group, EmailAddress, Authenticator):  # their numbers are sequential and would stand in URLs
    admin.site.unregister(model)


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "name", "is_staff", "is_active")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    date_hierarchy = "date_joined"
    ordering = ("email",)
    filter_horizontal = ("user_permissions",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    @method_decorator(reauthentication_required)
    def changeform_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **more)

    @method_decorator(reauthentication_required)
    def delete_view(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return super().delete_view(request, *args, **more)

    @method_decorator(reauthentication_required)
    def user_change_password(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        return super().user_change_password(request, *args, **more)


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
    readonly_fields = ("created_at",)
    inlines: ClassVar[list[Any]] = [ConsentInline]


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
