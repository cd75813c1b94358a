"""All endpoints of the API, in the order of its description."""

from collections import Counter
from typing import Final

from profiles.api import app_users, apps, crashes, funnels, push, users
from profiles.api.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *apps.ENDPOINTS,
    *users.ENDPOINTS,
    *app_users.ENDPOINTS,
    *funnels.ENDPOINTS,
    *crashes.ENDPOINTS,
    *push.ENDPOINTS,
)
BY_METHOD: Final = {endpoint.method: endpoint for endpoint in ENDPOINTS if endpoint.method}
BY_PATH: Final = {endpoint.path: endpoint for endpoint in ENDPOINTS if not endpoint.method}

if Counter(endpoint.name for endpoint in ENDPOINTS).most_common(1)[0][1] > 1:
    raise ValueError("Two endpoints of the API have one name")
