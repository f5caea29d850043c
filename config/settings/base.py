"""What every deployment shares. Secrets and addresses come from the environment only."""

from __future__ import annotations

import logging
from pathlib import Path

import environ
import structlog
from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parents[2]
VAR = Path(env("UNKNOT_VAR", default=str(BASE_DIR / "var")))

INSTALLED_APPS = [
    "django_prometheus",
    "config.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # the list of passkeys says how long ago
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "phonenumber_field",
    "pgtrigger",
    "pghistory",
    "django_structlog",
    "therapists",
    "clients",
    "booking",
    "config.apps.ProjectConfig",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "config.middleware.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.MethodMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.HtmxRedirectMiddleware",
    "config.middleware.SessionEndMiddleware",
    "config.middleware.SecondFactorMiddleware",
    "config.middleware.NulMiddleware",
    "config.middleware.PracticeZoneMiddleware",
    "config.limits.LimitMiddleware",
    "config.middleware.OriginMiddleware",
    "config.middleware.RequestLogMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "therapists.context.practice",
            ],
        },
    },
]


DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///unknot")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=600)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2}
CELERY_TASK_PUBLISH_RETRY = False
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env("CACHE_URL", default=REDIS_URL),
        # a server that does not answer must not hold up every request
        "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.5},
    }
}

# So many reverse proxies stand before the app, each of which appends whom it saw to X-Forwarded-For and sets X-Forwarded-Proto.
# Nothing further left in the header is believed; with none, neither header is.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# What may be asked for (config/limits.py says where): in so many seconds, so often from one address, so often by one account or
# browser. Twenty people behind the one address of a clinic stay below half of it: each looks at ten pages a minute at the most,
# a form saves itself a second after a change, calendar programs ask every few minutes, and a sign-in is three or four steps.
LIMITS: dict[str, tuple[int, ...]] = {
    "availability": (60, 600, 120),
    "holds": (60, 240, 40),
    "booking": (60, 240, 40),
    "intake": (60, 1800, 120),
    "feeds": (60, 600, 30),
    "links": (60, 240),
    "sign_in": (300, 240, 40),
}
# What allauth counts itself, by the address of the mail or the account. The longer ones bound how often a stranger can make us
# write to somebody, and with that how often they can guess: 40 codes a day of five tries each, one in five thousand.
ACCOUNT_RATE_LIMITS = {
    "login": "120/5m/ip",
    "login_failed": "60/5m/ip,5/5m/key",
    "request_login_code": "60/5m/ip,3/m/key,12/h/key,40/d/key",
    "reset_password": "30/5m/ip,3/m/key,12/h/key",  # pragma: allowlist secret
    # the five tries of one code of ours, also when they are sent all at once
    "try_login_code": "5/10m/key",
}

AUTH_USER_MODEL = "clients.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
# clients have no password: a code to the address they booked with lets them in
CLIENT_LOGIN_URL = "booking:sign_in"
# and once more before what is most private
CLIENT_PROOF_URL = "booking:still_you"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "clients.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# clients prove their address while booking; staff accounts are made by a manager
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_USER_CODE_FORMAT = {"numeric": True, "dashed": False, "length": 6}
MFA_ADAPTER = "clients.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Unknot"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# staff accounts are made by a manager, who knows whose address it is
MFA_ALLOW_UNVERIFIED_EMAIL = True
# the cookie of a sign-in by password goes with the browser
ACCOUNT_SESSION_REMEMBER = False
# whether the links that `manage.py demo` writes sign anybody in
DEMONSTRATION_LINKS = False

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(VAR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# what is said once may name somebody, which a cookie would carry along
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
PHONENUMBER_DEFAULT_REGION = env("PHONE_REGION", default="GB")

MAIL_FOLDER = VAR / "mail"
EMAIL_URL = env("EMAIL_URL", default="")
if EMAIL_URL:
    globals().update(env.email_url_config(EMAIL_URL))
else:
    EMAIL_BACKEND = "config.mail.EmlFileBackend"
DEFAULT_FROM_EMAIL = env("MAIL_FROM", default="Unknot <desk@localhost>")
EMAIL_TIMEOUT = 15

# text messages: console: or file:/a/folder or https://where-they-are-posted; without it there are none
SMS_URL = env("SMS_URL", default="")
# the secret that signs what is posted there, and what comes back
SMS_SECRET = env("SMS_SECRET", default="")

SITE_URL = env("SITE_URL", default="http://localhost:8000")

# what lets Prometheus read /metrics, as a bearer token; without it there is no such page
METRICS_TOKEN = env("METRICS_TOKEN", default="")
# who is written to when something is wrong with the app itself; without it `manage.py alarm` only says so
ALARM_MAIL = env.list("ALARM_MAIL", default=[])
# so many notices that could not be delivered within a day are no longer a matter for the desk alone
ALARM_FAILED = env.int("ALARM_FAILED", default=20)
# what the alarm remembers of what it told
ALARM_FILE = Path(env("ALARM_FILE", default=str(VAR / "alarm.json")))

# id:base64 of 32 random bytes, several separated by commas: all of them open health answers, the first one seals new ones
INTAKE_KEYS = env("INTAKE_KEYS", default="")
# for how long after a session its therapist can read the answers
INTAKE_READABLE_DAYS = env.int("INTAKE_READABLE_DAYS", default=30)
# from how many days before a session a returning client is asked whether anything changed
INTAKE_ASK_DAYS = env.int("INTAKE_ASK_DAYS", default=3)
# for how many days after a session its client can say how it was
INTAKE_FOLLOW_UP_DAYS = env.int("INTAKE_FOLLOW_UP_DAYS", default=14)
INTAKE_KEEP_YEARS = env.int("INTAKE_KEEP_YEARS", default=7)
INTAKE_KEEP_DRAFTS_DAYS = env.int("INTAKE_KEEP_DRAFTS_DAYS", default=30)
# for how long a signed note can still be corrected, and one that nobody signs still be written
NOTES_LOCK_HOURS = env.int("NOTES_LOCK_HOURS", default=24)

# base64 of 32 random bytes: seals what `manage.py backup` writes; nothing else needs it
BACKUP_KEY = env("BACKUP_KEY", default="")

# One line of JSON an event or request, with the request's id; no bodies, no query strings, no names.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": structlog.stdlib.ProcessorFormatter, "processor": structlog.processors.JSONRenderer()},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    # config.middleware logs every request and every exception, so Django need not do it once more
    # a refused form is among them, and Django would tell of it with its whole path
    "loggers": {"django.request": {"level": "CRITICAL"}, "django.security.csrf": {"level": "CRITICAL"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
}
