"""The photo by which clients recognise their therapist."""

from __future__ import annotations

import hashlib
from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _

from therapists.models.people import Therapist


class PhotoManager(models.Manager["Photo"]):
    def put_up(self, therapist: Therapist, picture: bytes) -> None:
        """Show this one from now on, instead of any before."""
        digest = hashlib.sha256(picture).hexdigest()
        self.update_or_create(therapist=therapist, defaults={"picture": picture, "digest": digest})


class Photo(models.Model):
    """In the database and not in a folder, so that a backup has it and every web server shows it: it is a few kilobytes."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    therapist = models.OneToOneField(Therapist, models.CASCADE, related_name="photo", verbose_name=_("therapist"))
    picture = models.BinaryField(_("picture"))
    # names the picture in its address, so that browsers keep one for good and ask for another at once
    digest = models.CharField(_("SHA-256"), max_length=64, editable=False, db_index=True)

    objects = PhotoManager()

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")

    def __str__(self) -> str:
        return str(self.therapist)
