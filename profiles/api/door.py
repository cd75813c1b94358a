"""Lets requests of programs in: who asks, for which app, with which right; and turns every error into its answer."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from profiles.access import api_keys
from profiles.access.models import ApiKey
from profiles.access.origin import client_address
from profiles.api.answers import ApiError
from profiles.api.endpoint import Call, Endpoint
from profiles.api.parameters import Parameters

READ_SECONDS: Final = 12  # clients of Countly wait for 15
_TOKEN_HEADER: Final = "countly-token"  # noqa: S105 - a header's name

View = Callable[..., HttpResponseBase]


def door(endpoint: Endpoint) -> View:
    """Return the view of an endpoint."""
    return _guarded(lambda _: endpoint)


def door_by_method(endpoints: Mapping[str, Endpoint]) -> View:
    """Return the view of an address that does what its parameter `method` says."""

    def chosen(parameters: Parameters) -> Endpoint:
        endpoint = endpoints.get(parameters.text("method"))
        if endpoint is None:
            raise ApiError("Invalid method")
        return endpoint

    return _guarded(chosen)


def _guarded(choose: Callable[[Parameters], Endpoint]) -> View:
    @csrf_exempt  # no cookie opens anything here
    def view(request: HttpRequest, in_path: str = "") -> HttpResponseBase:
        if request.method not in ("GET", "HEAD", "POST"):
            return _answer({"result": "Method not allowed"}, 405)
        try:
            parameters = Parameters.read(request)
            content = _call(request, choose(parameters), parameters, in_path)
        except ApiError as error:
            return _answer(error.content, error.status)
        except Http404:
            return _answer({"result": "App does not exist"}, 401)
        except PermissionDenied:
            return _answer({"result": "User does not have right"}, 401)
        except OperationalError as fault:
            if "statement timeout" not in str(fault):
                raise
            return _answer({"result": "This takes too long to count. Narrow the query."}, 503)
        return content if isinstance(content, HttpResponseBase) else _answer(content, 200)

    return view


def _answer(content: Any, status: int) -> JsonResponse:
    response = JsonResponse(content, safe=False, status=status, json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "no-store"
    return response


def _call(request: HttpRequest, endpoint: Endpoint, parameters: Parameters, in_path: str) -> Any:
    key = _key(request, parameters)
    if (endpoint.writes and not key.may_write) or (endpoint.is_for_superusers and not _is_global(key)):
        raise PermissionDenied
    app = None
    if endpoint.role is not None:
        public_id = parameters.text("app_id")
        if not public_id:
            raise endpoint.missing_app
        app = api_keys.get_app_or_404(key, public_id, endpoint.role, writes=endpoint.writes)
    call = Call(parameters, key, datetime.now(tz=UTC), client_address(request), in_path, app)
    if endpoint.writes:
        return endpoint.handler(call)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{READ_SECONDS}s"])
        return endpoint.handler(call)


def _is_global(key: ApiKey) -> bool:
    """Tell whether a key reaches beyond apps: a superuser's, not narrowed to one app."""
    return key.user.is_superuser and key.app_id is None


def _key(request: HttpRequest, parameters: Parameters) -> ApiKey:
    api_key = parameters.text("api_key")
    token = parameters.text("auth_token") or request.headers.get(_TOKEN_HEADER, "")
    if not api_key and not token:
        raise ApiError('Missing parameter "api_key" or "auth_token"')
    key = api_keys.authenticate(api_key or token)
    if key is None:
        raise ApiError("User does not exist" if api_key else "Token is invalid", 401)
    return key
