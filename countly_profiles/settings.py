"""The one settings file. Values that differ between machines come from the environment."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from countly_profiles import env, logs, media, services

django_stubs_ext.monkeypatch()  # so that ModelAdmin[App] may be written, as type checkers want it

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.directory("DATA_DIR", BASE_DIR / "var")
VERSION = "0.1.0"
SOURCE_URL = env.text("SOURCE_URL")

try:
    _running = services.read(DATA_DIR)
except ValueError as damaged:
    raise ImproperlyConfigured(str(damaged)) from None

# --- Security -----------------------------------------------------------------------------------

# Without a key a command still works (check, makemigrations), with one that ends with the process;
# the web server refuses to start like that (wsgi.py).
SECRET_KEY = env.text("SECRET_KEY") or services.read_secret_key(DATA_DIR)
IS_SECRET_KEY_TEMPORARY = not SECRET_KEY
SECRET_KEY = SECRET_KEY or secrets.token_urlsafe(50)
# What devices of deleted users are remembered under. Set it to the old SECRET_KEY before that is ever changed.
TOMBSTONE_KEY = env.text("TOMBSTONE_KEY") or SECRET_KEY

DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# HTTPS=1 says that people reach this server by https, directly or through a proxy.
IS_HTTPS = env.flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
# A redirect is the proxy's work, which can spare /i: SDKs that still speak plain http must not lose data.
SECURE_SSL_REDIRECT = env.flag("SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 31_536_000 if IS_HTTPS else 0)
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # whether HSTS holds for other hosts of the domain is not ours to say
    "security.W021",  # nor whether the domain goes into the browsers' lists
    "security.W008",  # see SECURE_SSL_REDIRECT
]
# BEHIND_PROXY=1 says that every request comes through a proxy of ours, which tells who it is from.
IS_BEHIND_PROXY = env.flag("BEHIND_PROXY", default=False)
PROXIES = env.number("PROXIES", 1)  # how many stand one behind the other; what is left of theirs is the client's word
if IS_BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
# A bulk request of 10 MB fits; what is larger is read, dropped and answered, so that no SDK sends it for ever.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.number("MAX_REQUEST_BYTES", 12 * 1024 * 1024)
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "https:"],  # https: pictures of app users, sent without a referrer
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# --- Django -------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_tables2",
    "django_filters",
    "django_htmx",
    "axes",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "csp",
    "countly_profiles",
    "ingest",
    "profiles",
]

MIDDLEWARE = [
    "ingest.middleware.answer_sdks",
    "profiles.access.masking.middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "countly_profiles.plain_text.middleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "countly_profiles.urls"
WSGI_APPLICATION = "countly_profiles.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "countly_profiles.frame.frame",
            ],
        },
    },
]
DJANGO_TABLES2_TEMPLATE = "django_tables2/table.html"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

MEDIA_ROOT = env.directory("MEDIA_ROOT", DATA_DIR / "media")  # pictures; served by a view that asks who looks
# A database of places in MaxMind's format (GeoLite2-City.mmdb, say): cities of IP addresses; without it, countries.
GEOIP_PATH = env.text("GEOIP_PATH")
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.directory("STATIC_ROOT", DATA_DIR / "static")
WHITENOISE_USE_FINDERS = env.flag("STATIC_FROM_SOURCE", default=DEBUG)
STORAGES = {
    "default": media.storage(
        bucket=env.text("S3_BUCKET"),
        endpoint=env.text("S3_ENDPOINT"),
        region=env.text("S3_REGION"),
        access_key=env.text("S3_ACCESS_KEY"),
        secret_key=env.text("S3_SECRET_KEY"),
        prefix=env.text("S3_PREFIX"),
    ),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Who is asking ------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "profiles.access.origin.axes_address"
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"

# OpenID Connect: the provider's address, and what it knows this server by. Without these there is no such button.
OIDC_PROVIDER = "openid"
OIDC_SERVER_URL = env.text("OIDC_SERVER_URL")
OIDC_NAME = env.text("OIDC_NAME", "OpenID Connect")
OIDC_SIGN_UP = env.flag("OIDC_SIGN_UP", default=True)  # 0: only who signed in before
ACCOUNT_ADAPTER = "profiles.access.openid.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False  # an address says nothing of who somebody is here
SOCIALACCOUNT_ADAPTER = "profiles.access.openid.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": OIDC_PROVIDER,
                "name": OIDC_NAME,
                "client_id": env.text("OIDC_CLIENT_ID"),
                "secret": env.text("OIDC_CLIENT_SECRET"),
                "settings": {"server_url": OIDC_SERVER_URL},
            }
        ]
        if OIDC_SERVER_URL
        else [],
    }
}

# --- Services -----------------------------------------------------------------------------------

# Where nothing runs, the addresses point into DATA_DIR: commands that need no service work, and the
# others say that nothing listens there.
DATABASE_URL = env.text("DATABASE_URL") or (
    _running.database_url if _running else f"postgresql:///countly?host={DATA_DIR}&user=countly"
)
REDIS_URL = env.redis_url(
    "REDIS_URL",
    env.text("REDIS_URL") or (_running.redis_url if _running else f"unix://{DATA_DIR}/valkey.sock"),
)
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.database("DATABASE_URL", DATABASE_URL)
    | {
        "CONN_MAX_AGE": env.number("DATABASE_CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "countly-profiles",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},  # a frozen one must not hold up a page
    }
}

# --- Ingest -------------------------------------------------------------------------------------

# Beyond these, SDKs are told to come later. `up` says where its own database is; without that no disk is watched.
DATABASE_DIR = env.text("DATABASE_DIR")
MIN_FREE_DISK_BYTES = env.number("MIN_FREE_DISK_MB", 512) * 1024 * 1024 if DATABASE_DIR else 0
MOST_WAITING = env.number("MOST_WAITING", 2_000_000)

# Each web process lets in its share. 0: as many as come. Behind a proxy, set BEHIND_PROXY first: else it is the client.
WEB_WORKERS = env.number("WEB_WORKERS", 2, minimum=1)
REQUESTS_PER_SECOND_PER_ADDRESS = env.number("REQUESTS_PER_SECOND_PER_ADDRESS", 0)

# Raw requests are kept to find retries, to be looked at, and to be applied again after a mended fault.
REQUESTS_KEPT_DAYS = env.number("REQUESTS_KEPT_DAYS", 8)

# --- Push messages ------------------------------------------------------------------------------

# What credentials are sealed with. Set it to the old SECRET_KEY before that is ever changed, or enter them again.
PUSH_SECRET = env.text("PUSH_SECRET") or SECRET_KEY
# Where the providers are; another authority than the system's is for a stand-in.
PUSH_APNS_PRODUCTION = env.text("PUSH_APNS_PRODUCTION", "https://api.push.apple.com")
PUSH_APNS_SANDBOX = env.text("PUSH_APNS_SANDBOX", "https://api.sandbox.push.apple.com")
PUSH_FCM = env.text("PUSH_FCM", "https://fcm.googleapis.com")
PUSH_TOKEN_HOSTS = env.words("PUSH_TOKEN_HOSTS", "oauth2.googleapis.com")
PUSH_CA_FILE = env.text("PUSH_CA_FILE")

# --- Mail and webhooks --------------------------------------------------------------------------

# Empty: no mail is sent, and pages say so.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.number("EMAIL_PORT", 587, minimum=1, maximum=65535)
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD")
EMAIL_USE_SSL = env.flag("EMAIL_SSL", default=EMAIL_PORT == 465)
EMAIL_USE_TLS = env.flag("EMAIL_STARTTLS", default=not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"countly-profiles@{EMAIL_HOST or 'localhost'}")

# Webhooks reach public addresses only, unless the server stands among those who may be asked.
ALERTS_TO_PRIVATE_NETWORKS = env.flag("ALERTS_TO_PRIVATE_NETWORKS", default=False)

# --- Celery -------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.celery_broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever; see countly_profiles/broker.py
# A task lost with its worker is given out again after this time; the beat sweeps do not wait for it.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_keepalive": True}
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# "derive" follows the users who sent something, within a second; "bulk" reads whole apps and may take its time;
# "push" talks to Apple and Google.
CELERY_TASK_DEFAULT_QUEUE = "derive"
CELERY_TASK_ROUTES = {
    "ingest.tasks.*": {"queue": "ingest"},
    "profiles.engagement.tasks.roll_over_midnight": {"queue": "bulk"},
    "profiles.engagement.tasks.refresh_distributions": {"queue": "bulk"},
    "profiles.funnels.tasks.compute_waiting_funnels": {"queue": "bulk"},
    "profiles.funnels.tasks.compute_funnel": {"queue": "bulk"},
    "profiles.funnels.tasks.count_wanted_reports": {"queue": "bulk"},
    "profiles.funnels.tasks.forget_deleted_funnels": {"queue": "bulk"},
    "profiles.directory.tasks.*": {"queue": "bulk"},
    "profiles.privacy.tasks.*": {"queue": "bulk"},
    "profiles.messages.tasks.*": {"queue": "push"},
}
CELERY_TASK_TIME_LIMIT = 900
CELERY_TIMEZONE = "UTC"
# name -> {"task": dotted name, "schedule": seconds or crontab}. Entries that run every few seconds carry
# {"options": {"expires": seconds}}, so that they do not pile up while no worker is there.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Finds what a lost wake left waiting.
    "apply-waiting": {"task": "ingest.tasks.apply_waiting", "schedule": 1.0, "options": {"expires": 1.0}},
    "look-up-device-names": {
        "task": "profiles.users.tasks.look_up_device_names",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "drop-old-requests": {"task": "ingest.tasks.drop_old_requests", "schedule": 3600.0},
    "make-partitions": {"task": "ingest.tasks.make_partitions", "schedule": 3600.0},
    "refresh-scores": {
        "task": "profiles.engagement.tasks.refresh_stale",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "refresh-funnels": {
        "task": "profiles.funnels.tasks.refresh_stale_funnels",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "work-on-sort-indexes": {
        "task": "profiles.directory.tasks.work_on_sort_indexes",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "compute-funnels": {
        "task": "profiles.funnels.tasks.compute_waiting_funnels",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "count-funnel-reports": {
        "task": "profiles.funnels.tasks.count_wanted_reports",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "roll-over-midnight": {
        "task": "profiles.engagement.tasks.roll_over_midnight",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "refresh-distributions": {
        "task": "profiles.engagement.tasks.refresh_distributions",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "work-on-erasures": {
        "task": "profiles.privacy.tasks.work_on_erasures",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "keep-no-longer": {"task": "profiles.privacy.tasks.keep_no_longer", "schedule": 60.0, "options": {"expires": 60.0}},
    "forget-requests-of-apps": {"task": "ingest.tasks.forget_requests_of_apps", "schedule": 3600.0},
    "work-on-app-erasures": {
        "task": "profiles.privacy.tasks.work_on_app_erasures",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "send-messages": {
        "task": "profiles.messages.tasks.send_messages",
        "schedule": 1.0,
        "options": {"expires": 1.0},
    },
    "tell-crash-alerts": {
        "task": "profiles.crashes.tasks.tell_alerts",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "note-crash-spikes": {
        "task": "profiles.crashes.tasks.note_spikes",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "forget-alert-deliveries": {"task": "profiles.crashes.tasks.forget_old_deliveries", "schedule": 3600.0},
    "forget-deleted-funnels": {
        "task": "profiles.funnels.tasks.forget_deleted_funnels",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
}

# --- Logs ---------------------------------------------------------------------------------------

LOGGING = logs.configuration(level=env.text("LOG_LEVEL", "INFO"), as_json=env.flag("LOG_JSON", default=False))
LOGGING_CONFIG = "countly_profiles.logs.apply"
