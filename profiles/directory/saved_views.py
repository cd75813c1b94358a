"""What people keep of their lists: views and layouts; whoever keeps a view is its owner.

A view's owner changes it; an admin may delete one that is shared. Sharing is noted in the audit log, as is every change
of a shared view.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from profiles.access import audit
from profiles.access.models import App
from profiles.access.permissions import Role, has_role
from profiles.directory.models import LONGEST_VIEW_NAME, ListLayout, SavedView
from profiles.directory.state import Density, ListState, read_columns, read_query_string, write_columns

MOST_VIEWS = 50


class ViewError(ValueError):
    """A view that cannot be kept so; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What somebody sees of an app's views, and how they like its list. Two queries."""

    views: tuple[SavedView, ...]
    layout: ListLayout

    @classmethod
    def of(cls, user: User, app: App) -> "Kept":
        """Read it."""
        layout = ListLayout.objects.filter(app=app, user=user).first() or ListLayout(app=app, user=user)
        seen = SavedView.objects.filter(Q(owner=user) | Q(is_shared=True), app=app).select_related("owner")
        return cls(tuple(seen.order_by("name", "id")[: 2 * MOST_VIEWS]), layout)

    def laid_out(self, state: ListState, said: object) -> ListState:
        """Return a list with columns and density as the person likes them, where the address (`said`) names none."""
        names = read_columns(self.layout.columns)
        if names and not state.columns and "columns" not in said:  # type: ignore[operator]  # any container
            state = state.changed(columns=names)
        if self.layout.density in set(Density) and "density" not in said:  # type: ignore[operator]  # as above
            state = state.changed(density=Density(self.layout.density))
        return state

    def current(self, state: ListState) -> SavedView | None:
        """Return the view that a list shows, if it is one; columns count where the view names some."""
        return next((view for view in self.views if _is(view, state)), None)


def _is(view: SavedView, state: ListState) -> bool:
    kept = ListState.read(read_query_string(view.query))
    same = (kept.tab, kept.search, kept.filter, kept.sort) == (state.tab, state.search, state.filter, state.sort)
    return same and kept.columns in {(), state.columns}


def save_view(
    user: User, app: App, state: ListState, *, name: str, is_shared: bool, is_default: bool, address: str
) -> SavedView:
    """Keep a list under a name; one's own view of that name is replaced. Raises ViewError."""
    name = _name(name)
    _may_share(app, is_shared=is_shared)
    with transaction.atomic():
        mine = SavedView.objects.filter(app=app, owner=user)
        if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
            raise ViewError(f"You have {MOST_VIEWS} views: delete one first")
        query = state.first_page().query_string()
        view, _ = mine.update_or_create(
            app=app, owner=user, name=name, defaults={"query": query, "is_shared": is_shared}
        )
        if is_default:
            set_default(user, app, view)
        if is_shared:
            audit.record(user, app, audit.Action.EDITED, f"view {name}", {"query": query}, address=address)
    return view


def rename_view(user: User, app: App, view_id: int, name: str) -> None:
    """Give one's view another name; raise ViewError."""
    view, name = _own(user, app, view_id), _name(name)
    if SavedView.objects.filter(app=app, owner=user, name=name).exclude(pk=view.pk).exists():
        raise ViewError(f"You have a view “{name}” already")
    with transaction.atomic():
        if view.is_shared:
            audit.record(user, app, audit.Action.EDITED, f"view {view.name}", {"renamed": name})
        SavedView.objects.filter(pk=view.pk).update(name=name)


def share_view(user: User, app: App, view_id: int, *, is_shared: bool) -> None:
    """Share one's view with everybody who may read the app, or keep it for oneself; raise ViewError."""
    view = _own(user, app, view_id)
    _may_share(app, is_shared=is_shared)
    with transaction.atomic():
        SavedView.objects.filter(pk=view.pk).update(is_shared=is_shared)
        if not is_shared:
            ListLayout.objects.filter(default_view=view).exclude(user=user).update(default_view=None)
        audit.record(user, app, audit.Action.EDITED, f"view {view.name}", {"shared": is_shared})


def delete_view(user: User, app: App, view_id: int) -> None:
    """Delete one's view, or as an admin a shared one; raise ViewError."""
    with transaction.atomic():
        seen = SavedView.objects.filter(app=app, pk=view_id)
        is_admin = has_role(Role(app.viewer_role), Role.ADMIN)
        view = seen.filter(Q(owner=user) | Q(is_shared=True) if is_admin else Q(owner=user)).first()
        if view is None:
            raise ViewError("Only who keeps a view, or an admin, can delete it")
        if view.is_shared:
            audit.record(user, app, audit.Action.DELETED, f"view {view.name}", {"owner": view.owner_id})
        view.delete()


def set_default(user: User, app: App, view: SavedView | None) -> None:
    """Have the app's list begin with a view for this person, or with all users."""
    ListLayout.objects.update_or_create(app=app, user=user, defaults={"default_view": view})


def find_view(user: User, app: App, view_id: int) -> SavedView | None:
    """Return a view that the person sees."""
    return SavedView.objects.filter(Q(owner=user) | Q(is_shared=True), app=app, pk=view_id).first()


def default_query(user: User, app: App) -> str:
    """Return the query string that the person's list begins with."""
    layout = ListLayout.objects.filter(app=app, user=user).select_related("default_view").first()
    return layout.default_view.query if layout and layout.default_view else ""


def keep_layout(user: User, app: App, state: ListState) -> None:
    """Remember columns and density for the lists of this app."""
    liked = {"columns": write_columns(state.columns), "density": state.density.value}
    ListLayout.objects.update_or_create(app=app, user=user, defaults=liked)


def _own(user: User, app: App, view_id: int) -> SavedView:
    view = SavedView.objects.filter(app=app, owner=user, pk=view_id).first()
    if view is None:
        raise ViewError("Only who keeps a view can change it")
    return view


def _name(name: str) -> str:
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise ViewError("Give the view a name")
    if len(name) > LONGEST_VIEW_NAME:
        raise ViewError(f"A name has at most {LONGEST_VIEW_NAME} characters")
    return name


def _may_share(app: App, *, is_shared: bool) -> None:
    if is_shared and not has_role(Role(app.viewer_role), Role.ANALYST):
        raise ViewError("Sharing needs the role of an analyst")
