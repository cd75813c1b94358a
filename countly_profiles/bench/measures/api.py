"""Twenty reads of the HTTP API from an app of a million users: the median of each, in one process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import override_settings

from countly_profiles.bench import places
from countly_profiles.bench.figures import Figure, median, spread
from countly_profiles.bench.run import Run
from profiles.access import api_keys
from profiles.access.models import App
from profiles.activity import scale
from profiles.funnels.models import Funnel
from profiles.funnels.services import StepInput, create_funnel
from profiles.users.models import AppUser, UserActivity

_ROUNDS: Final = 7
_EVENTS_A_USER: Final = 2
_GOAL_MS: Final = 100


def measure(run: Run) -> Iterator[Figure]:
    """Fill an app and ask."""
    users = int(run.choose(1_000_000, 20_000))
    with places.database(), override_settings(ALLOWED_HOSTS=["*"]):
        app = App.objects.create(name="Scale")
        run.tell(f"filling {users:,} users ...")
        scale.fill(app, users=users, events=users * _EVENTS_A_USER, seed=1, progress=lambda *_: None)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        key = api_keys.create(user=User.objects.create_superuser("bench"), may_write=True)
        for name, asked in _reads(app).items():
            times = []
            for _ in range(_ROUNDS):
                began = time.perf_counter()
                answer: Any = Client().post("/o", {"api_key": key, "app_id": app.public_id, **asked})
                times.append((time.perf_counter() - began) * 1000)
                if answer.status_code != 200:
                    raise RuntimeError(f"{name}: {answer.status_code} {answer.content[:200]!r}")
            yield Figure(f"API: {name}", median(times), "ms", f"{spread(times)}, goal {_GOAL_MS}")


def _reads(app: App) -> dict[str, dict[str, str]]:
    busiest = UserActivity.objects.filter(app=app, is_identified=True).order_by("-sessions_count").values("user_id")[:1]
    user = AppUser.objects.get(pk__in=busiest)
    funnel = Funnel(app=app, name="Buy")
    create_funnel(funnel, [StepInput("Product viewed"), StepInput("Purchased")])
    details = {"method": "user_details"}
    one = details | {"uid": user.uid}
    return {
        "first page": details,
        "page 20": details | {"iDisplayStart": "950"},
        "identified, by sessions": details | {"filter": "user-known", "iSortCol_0": "2"},
        "search": details | {"sSearch": user.email or user.device_id},
        "by e-mail": details | {"query": json.dumps({"email": user.email})},
        "by uid in a query": details | {"query": json.dumps({"uid": user.uid})},
        "in a country": details | {"query": json.dumps({"cc": user.country})},
        "breakdown by platform": details | {"projectionKey": "p"},
        "one profile by uid": one,
        "one profile by device": details | {"did": user.device_id},
        "graph": one | {"calculate": "graph", "period": "30days"},
        "sessions": one | {"calculate": "sessions"},
        "events": one | {"calculate": "eventsTable"},
        "events by cursor": one | {"calculate": "eventsTable", "paginationMode": "cursor"},
        "history": one | {"calculate": "history"},
        "user counts": {"method": "user_counts"},
        "crashes of a user": {"method": "user_crashes", "uid": user.uid},
        "funnels of a user": {"method": "user_funnels", "uid": user.uid},
        "a funnel": {"method": "funnel", "funnel": funnel.public_id},
        "crash groups": {"method": "crashes"},
    }
