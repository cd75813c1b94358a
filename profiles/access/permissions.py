"""Who may see and change which app. Every page, fragment and API asks here and nowhere else."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet, Value
from django.http import Http404, HttpRequest, HttpResponseBase

from profiles.access import masking
from profiles.access.models import App, Membership

Role = Membership.Role

LAST_APP = "last_app"  # the session's key for the public id of the app that was looked at last

_RANK = {Role.VIEWER: 1, Role.ANALYST: 2, Role.ADMIN: 3}
_P = ParamSpec("_P")


def role_in(user: AbstractBaseUser | AnonymousUser, app: App) -> Role | None:
    """Return what the person is in the app; None for a stranger. A superuser is admin everywhere."""
    if not user.is_authenticated or not user.is_active:
        return None
    if getattr(user, "is_superuser", False):
        return Role.ADMIN
    role = Membership.objects.filter(user_id=user.pk, app=app).values_list("role", flat=True).first()
    return None if role is None else Role(role)


def has_role(role: Role | None, needed: Role) -> bool:
    """Say whether somebody of this role may do what needs that one."""
    return role is not None and _RANK[role] >= _RANK[needed]


def visible_apps(user: AbstractBaseUser | AnonymousUser) -> QuerySet[App]:
    """Return the apps that the person may read, by name; each with `viewer_role`."""
    if not user.is_authenticated or not user.is_active:
        return App.objects.none()
    if getattr(user, "is_superuser", False):
        apps = App.objects.annotate(viewer_role=Value(Role.ADMIN.value))  # type: ignore[no-redef]  # declared there
    else:
        mine = App.objects.filter(memberships__user_id=user.pk)
        apps = mine.annotate(viewer_role=F("memberships__role"))  # type: ignore[no-redef]  # declared there
    return apps.order_by("name", "id")


def get_app_or_404(user: AbstractBaseUser | AnonymousUser, public_id: str, role: Role = Role.VIEWER) -> App:
    """Return the app, with `viewer_role`, if the person holds at least `role` in it: one query.

    What it has of personal fields is masked from here on as the role has it (`profiles.access.masking`).
    Raises Http404 for a stranger, who must not learn that the app exists, PermissionDenied for a member who may less.
    """
    app = visible_apps(user).filter(public_id=public_id).first()
    if app is None:
        raise Http404
    if not has_role(Role(app.viewer_role), role):
        raise PermissionDenied
    masking.begin(app)
    return app


def app_view(
    view: Callable[Concatenate[HttpRequest, App, _P], HttpResponseBase], *, role: Role = Role.VIEWER
) -> Callable[..., HttpResponseBase]:
    """Make a view of one app: signed in, a member of at least `role`; the view receives the App, not its public id.

    Used in a urls.py, so that a list of addresses is a list of permissions:
    `path("users/", app_view(views.users), name="users")`. Remembers the app, so that `/` leads back to it.
    """

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, public_id: str, **kwargs: Any) -> HttpResponseBase:
        app = get_app_or_404(request.user, public_id, role)
        if request.session.get(LAST_APP) != public_id:
            request.session[LAST_APP] = public_id
        return view(request, app, **kwargs)  # type: ignore[call-arg]  # ParamSpec cannot say "keywords only"

    return checked


def signed_in(request: HttpRequest) -> User:
    """Return the person of a view that `login_required`, `app_view` or `superuser_view` guards."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def superuser_view(view: Callable[Concatenate[HttpRequest, _P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Make a view for superusers, like `app_view` in a urls.py."""

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not getattr(request.user, "is_superuser", False):
            raise PermissionDenied
        return view(request, **kwargs)  # type: ignore[call-arg]  # ParamSpec cannot say "keywords only"

    return checked
