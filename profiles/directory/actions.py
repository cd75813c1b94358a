"""What can be done with users of the list: with rows that are ticked, or with all that match. Subjects above this one
add theirs with `register`.

An action is an address below /apps/<public id>/. It is opened by GET with the fields of an Audience
(`everyone=1` or `user=<uid>` repeated, with `tab`, `q`, `filter`), and with the list's `sort` and `columns`:

    register(Action("message", "Message", "send", "messages:new", Role.ANALYST))

    def new(request: HttpRequest, app: App) -> HttpResponse:      # messages:new
        audience = Audience.read(request.GET)                     # raises FilterError: say it, act on nobody
        count_users(app, audience), counted_in_words(…), users_of(app, audience)

A form of that page carries the audience on as hidden fields: `{% for name, value in audience.fields %}`.
"""

from dataclasses import dataclass

from profiles.access.permissions import Role, has_role


@dataclass(frozen=True, slots=True)
class Action:
    """An action: its label and icon, the name of its address, and from which role on it is offered.

    The address itself checks the role (`app_view(…, role=…)`). `is_dangerous` ones are set apart.
    """

    name: str
    label: str
    icon: str
    url_name: str
    role: Role = Role.VIEWER
    is_dangerous: bool = False


_registry: dict[str, Action] = {}


def register(action: Action) -> None:
    """Add an action after those that are there. Once per name."""
    if action.name in _registry:
        raise ValueError(f"There is an action “{action.name}” already")
    _registry[action.name] = action


def actions_for(role: Role | None) -> tuple[Action, ...]:
    """Return what somebody of this role may do with users, the dangerous last."""
    allowed = [action for action in _registry.values() if has_role(role, action.role)]
    return tuple(sorted(allowed, key=lambda action: action.is_dangerous))


register(Action("export", "Export", "download", "directory:export", Role.ANALYST))
