"""One machine, started by ``manage.py up``: plain http on the loopback."""

from __future__ import annotations

from config.settings.base import *
from config.settings.base import env

SECRET_KEY = env("SECRET_KEY")
DEBUG = False
DEMONSTRATION_LINKS = True
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
