"""The WSGI application that gunicorn serves."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "countly_profiles.settings")

application = get_wsgi_application()

from ingest.loop_door import LoopDoor  # noqa: E402 - it needs the settings

application.loop_door = LoopDoor()  # type: ignore[attr-defined]  # our gunicorn worker looks for it

if settings.IS_SECRET_KEY_TEMPORARY:
    # Every worker process would have a key of its own, and nobody could stay logged in.
    msg = "SECRET_KEY is not set, and DATA_DIR holds none (`manage.py up` makes one there)."
    raise ImproperlyConfigured(msg)
