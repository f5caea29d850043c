"""Tests: real database and broker (tests/services_plugin.py starts them), mail in memory, quick hashing."""

from __future__ import annotations

from config.settings.base import *

SECRET_KEY = "tests-only-tests-only-tests-only-tests-only-tests-only"  # pragma: allowlist secret
INTAKE_KEYS = "tests:dGVzdHMtb25seS0wMTIzNDU2Nzg5LWFiY2RlZi1UVVY="
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# static files as they stand in the source; nothing is collected
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
