"""Small charts above the user list, each a fragment with an address of its own, so that none holds the list up.
Subjects above this one add theirs with `register`.
"""

from dataclasses import dataclass

from django.urls import reverse

from profiles.access.models import App


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart: what it shows, and the name of its address below /apps/<public id>/, which is a page too."""

    name: str
    label: str
    url_name: str


_registry: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    """Add a panel after those that are there. Once per name."""
    if panel.name in _registry:
        raise ValueError(f"There is a panel “{panel.name}” already")
    _registry[panel.name] = panel


def panels_of(app: App) -> list[tuple[Panel, str]]:
    """Return the panels with their addresses."""
    return [(panel, reverse(panel.url_name, args=[app.public_id])) for panel in _registry.values()]
