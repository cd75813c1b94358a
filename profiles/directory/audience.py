"""Which users of an app are meant: of a tab, a search and a filter, or picked by hand. Whoever acts on "these users"
(list, count, breakdown, export, messages, deletion, API) takes an Audience and asks `users_of` and `count_users`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import QueryDict

from profiles.access.models import App
from profiles.access.querysets import HIDDEN_FIELD, UserTotals, user_totals, visible
from profiles.directory.filters import tree
from profiles.directory.filters.fields import Scope, checked, in_words, names, where
from profiles.directory.filters.tree import EVERYBODY, FilterError, Group
from profiles.directory.search import search_condition
from profiles.directory.state import ListState, Tab, tidy_search
from profiles.users.models import AppUser
from profiles.wording import Clock, grouped

MOST_PICKED = 500
PICKED, EVERYONE = "user", "everyone"


@dataclass(frozen=True, slots=True)
class Audience:
    """Users of an app; nobody else's, whatever stands here. `picked` holds uids, and narrows the rest to these."""

    tab: Tab = Tab.ALL
    search: str = ""
    filter: Group = EVERYBODY
    picked: tuple[str, ...] = ()

    @classmethod
    def of(cls, state: ListState) -> "Audience":
        """Return the users that a list holds."""
        return cls(state.tab, state.search, state.filter)

    @classmethod
    def read(cls, parameters: QueryDict) -> "Audience":
        """Read what an action was asked to act on: `everyone` of a list's parameters, or each `user` by its uid.

        Raises FilterError where that is nobody, and where the filter cannot be read: it must not mean everybody.
        """
        text, tab = parameters.get("filter", ""), parameters.get("tab", "")
        if EVERYONE in parameters:
            picked: tuple[str, ...] = ()
        else:
            picked = tuple(dict.fromkeys(uid for uid in parameters.getlist(PICKED) if uid and "\x00" not in uid))
            if not picked:
                raise FilterError("Nobody is selected")
            if len(picked) > MOST_PICKED:
                raise FilterError(f"At most {MOST_PICKED} users can be picked one by one")
        return cls(
            tab=Tab(tab) if tab in set(Tab) else Tab.ALL,
            search=tidy_search(parameters.get("q", "")),
            filter=checked(tree.read(text)),
            picked=picked,
        )

    @property
    def is_everybody(self) -> bool:
        """Whether nothing but the tab narrows it."""
        return not (self.search or self.filter or self.picked)

    def fields(self) -> list[tuple[str, str]]:
        """Return it as the fields of a form or an address, which `read` reads again."""
        pairs = [("tab", self.tab.value if self.tab is not Tab.ALL else ""), ("q", self.search)]
        pairs.append(("filter", tree.write(self.filter)))
        chosen = [(PICKED, uid) for uid in self.picked] or [(EVERYONE, "1")]
        return [*((name, value) for name, value in pairs if value), *chosen]

    def in_words(self, app: App) -> str:
        """Say who is meant, without their number."""
        kind = "users" if self.tab is Tab.ALL else f"{self.tab.value} users"
        if self.picked:
            return f"{kind} that are selected"
        parts = [f"match “{self.search}”"] if self.search else []
        if self.filter:
            parts.append(f"fulfil: {in_words(self.filter, app.pk)}")
        return f"{kind} that {' and '.join(parts)}" if parts else f"all {kind}"


def users_of(app: App, audience: Audience, halves: Collection[bool] | None = None) -> QuerySet[AppUser]:
    """Return the users that are meant, in no order; hidden ones if they are asked for or picked.

    `halves` narrows them to these values of is_identified.
    """
    found = search_condition(audience.search) & where(audience.filter, scope_of(app))
    if not audience.picked and not names(audience.filter, HIDDEN_FIELD):
        found &= visible(app, "id")
    users = AppUser.objects.filter(found, app=app, is_identified__in=audience.tab.halves if halves is None else halves)
    return users.filter(uid__in=audience.picked) if audience.picked else users


def count_users(app: App, audience: Audience) -> int:
    """Count them exactly: the kept totals where nothing narrows, else as long as it takes."""
    if audience.is_everybody:
        return tab_total(user_totals(app), audience.tab)
    return users_of(app, audience).count()


def counted_in_words(app: App, count: int, audience: Audience) -> str:
    """Say how many are meant, and who: “214 identified users that …”."""
    words = audience.in_words(app).removeprefix("all ")
    return f"{grouped(count)} {words}"


def tab_total(totals: UserTotals, tab: Tab) -> int:
    """Return how many users a tab holds."""
    return {Tab.ALL: totals.everybody, Tab.IDENTIFIED: totals.identified, Tab.ANONYMOUS: totals.anonymous}[tab]


def scope_of(app: App, user: str = "", key: str = "id") -> Scope:
    """Return the scope of conditions on rows of an app, by its own clock."""
    return Scope(app.pk, Clock(datetime.now(tz=UTC), ZoneInfo(app.timezone)), user, key)


def read_state(parameters: Mapping[str, str]) -> ListState:
    """Read what a list shows; a filter that no field understands is kept as text, with what is wrong about it."""
    state = ListState.read(parameters)
    try:
        return state.changed(filter=checked(state.filter))
    except FilterError as error:
        return state.changed(filter=EVERYBODY, unread_filter=tree.write(state.filter), filter_error=str(error))
