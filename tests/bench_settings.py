"""The settings of ``up``, with one more address: a view that does nothing but insert, to measure against."""

from config.settings.local import *

ROOT_URLCONF = "tests.bench_urls"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = None  # no files are asked for
LIMITS = {}  # a crowd from one machine is what is measured
