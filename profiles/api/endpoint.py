"""What an address of the API is: who may call it, what it takes, and the function that answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from profiles.access.models import ApiKey, App
from profiles.access.permissions import Role
from profiles.api.answers import ApiError
from profiles.api.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. `in_path` is what the address itself names."""

    parameters: Parameters
    key: ApiKey
    now: datetime
    address: str = ""
    in_path: str = ""
    of_app: App | None = None

    @property
    def app(self) -> App:
        """The app that was asked for, which the key opens."""
        if self.of_app is None:
            raise ApiError("No app_id provided", 401)
        return self.of_app


Handler: TypeAlias = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as the description of the API shows it. `type` is JSON Schema's."""

    name: str
    description: str
    type: str = "string"
    is_required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, or of `/o` one `method`: what it needs and what answers it.

    `role` is the least in the app; None: the endpoint is about no single app. `example` is an answer.
    """

    path: str
    summary: str
    handler: Handler
    method: str = ""
    role: Role | None = Role.VIEWER
    writes: bool = False
    is_for_superusers: bool = False
    parameters: tuple[Parameter, ...] = ()
    missing_app: ApiError = field(default_factory=lambda: ApiError("No app_id provided", 401))
    example: Any = None

    @property
    def name(self) -> str:
        """What tells it from all others: user_details, app_users.create."""
        return self.method or self.path.strip("/").partition("/")[2].replace("/", ".")


QUERY = Parameter(
    "query",
    "Which users, as a JSON object in MongoDB's style over `up.*`, plain and `custom.*` fields; {} is everybody.",
)
UID = Parameter("uid", "A user's short id.")
DID = Parameter("did", "A user's device id.")
PERIOD = Parameter(
    "period", "today, yesterday, 7days, 30days, 60days, 90days, month, prevMonth, year, or [from, to] in milliseconds."
)
TABLE = (
    Parameter("sEcho", "Comes back as it was sent."),
    Parameter("iDisplayStart", "Offset of the first row.", "integer"),
    Parameter("iDisplayLength", "Number of rows, at most 1000.", "integer"),
    Parameter("sSearch", "Only rows with these words."),
)
SORTED_TABLE = (
    *TABLE,
    Parameter("iSortCol_0", "Number of the column to sort by.", "integer"),
    Parameter("sSortDir_0", "Direction.", choices=("asc", "desc")),
)
