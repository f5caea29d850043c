"""Behind https, everything from the environment. A weak or missing secret is refused at start, by name."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from clients.crypto import HOW_TO_MAKE_A_KEY, Keyring, KeysRefused
from config.settings.base import *
from config.settings.base import DATABASES, INTAKE_KEYS, SITE_URL, TRUSTED_PROXIES, env

SECRET_KEY = env("SECRET_KEY", default="")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
    raise ImproperlyConfigured(
        'SECRET_KEY is missing or weak. Set it to the output of: python3 -c "import secrets; print(secrets.token_urlsafe(64))"'
    )
try:
    Keyring.from_text(INTAKE_KEYS)
except KeysRefused as refusal:
    raise ImproperlyConfigured(f"{refusal} {HOW_TO_MAKE_A_KEY}") from None
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the hosts that are served, like: booking.example.org")
if SITE_URL.startswith("http://"):
    raise ImproperlyConfigured(
        "SITE_URL must begin with https://, as links in notices are secret. Like: https://booking.example.org"
    )
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("PGBOUNCER", default=False)
if env.bool("PGBOUNCER", default=False):
    DATABASES["default"]["CONN_MAX_AGE"] = 0

SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_HTTPONLY = True
