"""People: who signs in, who is treated."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField

from lines import LineField, one_line


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Without a password the user can only sign in with a code. Raises ValueError without an e-mail."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Who signs in, by e-mail address. Addresses are kept in lower case."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = LineField(_("name"), max_length=120, blank=True)
    is_staff = models.BooleanField(_("front desk"), default=False, help_text=_("May sign in to the desk."))
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    personal = {"email": "contact", "name": "identity"}
    personal_of = "client"

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            one_line("user_name_on_one_line", "name"),
            models.CheckConstraint(condition=Q(email=Lower(F("email"))), name="user_email_in_lower_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.partition(" ")[0]


def languages() -> list[tuple[str, str]]:
    """The languages in which the practice writes."""
    return [(code, str(name)) for code, name in settings.LANGUAGES]


class Client(models.Model):
    """Who is treated. A client of the desk need not have a sign-in; one who booked in a browser has."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="client",
        verbose_name=_("sign-in"),
    )
    name = LineField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = PhoneNumberField(_("phone"), blank=True)
    language = models.CharField(
        _("language"), max_length=12, choices=languages, blank=True, help_text=_("Of our messages. Empty: the practice's own.")
    )
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    # " ada okafor ada example org 447700900123 ": made by the database, without accents, for clients.services.search
    words = models.GeneratedField(
        expression=Func("name", "email", "phone", function="client_words"),
        output_field=models.TextField(),
        db_persist=True,
    )

    personal = {"name": "identity", "email": "contact", "phone": "contact", "language": "contact"}
    personal_of = "pk"

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        constraints = [one_line("client_name_on_one_line", "name")]
        indexes = [
            # the desk looks a caller up by name or address
            models.Index(Lower("name"), name="client_by_name"),
            models.Index(Lower("email"), name="client_by_email"),
            GinIndex(OpClass("words", name="gin_trgm_ops"), name="client_by_words"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def written_in(self) -> str:
        """The language of our messages to them; the practice's own where they chose none, or one we no longer write."""
        return self.language if self.language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
