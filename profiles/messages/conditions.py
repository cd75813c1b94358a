"""What the filter of the user list can ask about messages: who can be reached, by which provider, who refused, and
what became of one message with whom. A number on a message's page and the users behind it are read alike.
"""

from typing import Any, Final

from django.db.models import Exists, OuterRef, Q

from profiles.directory.filters.fields import Field, Scope, register
from profiles.directory.filters.kinds import Input, Operator, Values
from profiles.directory.filters.tree import Condition, Group
from profiles.messages.models import Delivery, Message, MessageTotal
from profiles.messages.reasons import in_words
from profiles.users.models import DeviceToken, Identity

FIELD: Final = "message"
REACH: Final = "push"
SECTION: Final = "Messages"
MOST_CHOICES: Final = 100
QUEUED, SENT, FAILED, SKIPPED, OPENED, NOT_OPENED = "queued", "sent", "failed", "skipped", "opened", "not_opened"
PROVIDERS: Final = {"apple": "apns", "google": "fcm", "huawei": "hms"}

_MESSAGE: Final = Input("Message", "message")
_WHY: Final = Input("because of", is_optional=True)
_BY: Final = Input("by provider", is_optional=True)

OPERATORS: Final = (
    Operator(SENT, "was sent", (_MESSAGE, _BY)),
    Operator(OPENED, "opened", (_MESSAGE, Input("by button", is_optional=True), _BY)),
    Operator(NOT_OPENED, "was sent and did not open", (_MESSAGE, _BY)),
    Operator(FAILED, "could not be sent", (_MESSAGE, _WHY, _BY)),
    Operator(SKIPPED, "was left out of", (_MESSAGE, _WHY, _BY)),
    Operator(QUEUED, "is still to be sent", (_MESSAGE, _BY)),
)
REACH_OPERATORS: Final = (
    Operator("apple", "Apple"),
    Operator("google", "Google"),
    Operator("huawei", "Huawei"),
    Operator("refused", "refused by the user"),
    Operator("not_refused", "not refused"),
)


def became(message: Message, outcome: str, reason: str = "", provider: str = "") -> Group:
    """Return what finds the users of a count of a message: an outcome, its reason (of opened ones the button)."""
    if outcome == MessageTotal.OPENED:
        values: tuple[str, ...] = (message.public_id, reason, provider)
    elif outcome in {FAILED, SKIPPED}:
        values = (message.public_id, reason, provider)
    else:
        values = (message.public_id, provider)
    while len(values) > 1 and not values[-1]:
        values = values[:-1]
    return Group((Condition(FIELD, outcome, values),))


def _where(operator: str, values: Values, scope: Scope) -> Q:
    """Return the condition on the rows; what the app has not was sent to nobody. One query, for its number."""
    public_id, *rest = (*values, "", "")[:3]
    message = Message.objects.filter(app=scope.app_id, public_id=public_id).values_list("id", flat=True).first()
    if message is None:
        return Q(**{f"{scope.key}__in": []})
    deliveries = Delivery.objects.filter(message=message)
    if operator in {FAILED, SKIPPED, OPENED}:
        detail, provider = rest
    else:
        detail, provider = "", rest[0]
    if provider:
        deliveries = deliveries.filter(provider=provider)
    match operator:
        case "opened":
            deliveries = deliveries.filter(opened_at__isnull=False)
            if detail:
                deliveries = deliveries.filter(button=int(detail)) if detail.isdigit() else deliveries.none()
        case "not_opened":
            sent = _theirs(deliveries.filter(state=Delivery.State.SENT), scope)
            return sent & ~_theirs(deliveries.filter(opened_at__isnull=False), scope)
        case "queued":
            deliveries = deliveries.filter(state__in=[Delivery.State.QUEUED, Delivery.State.SENDING])
        case _:
            deliveries = deliveries.filter(state=operator)
            if detail:
                deliveries = deliveries.filter(reason=detail)
    return _theirs(deliveries, scope)


def _theirs(deliveries: Any, scope: Scope) -> Q:
    """Return that one of the deliveries is a user's: composed for them, or for somebody whom they absorbed since."""
    others = Identity.objects.filter(device_key=OuterRef("user_id"), until__gte=OuterRef("composed_at"))
    own = deliveries.filter(user_id=OuterRef(scope.key)).exclude(Exists(others))
    absorbed = Identity.objects.filter(user_id=OuterRef(scope.key)).filter(
        Exists(deliveries.filter(user_id=OuterRef("device_key"), composed_at__lte=OuterRef("until")))
    )
    return Q(Exists(own)) | Q(Exists(absorbed))


def _say(operator: Operator, values: Values, app_id: int) -> str:
    """Name the message. One query."""
    public_id, *rest = (*values, "", "")[:3]
    message = Message.objects.filter(app=app_id, public_id=public_id).first()
    if message is None:
        return "message that is no more"
    has_detail = operator.name in {FAILED, SKIPPED, OPENED}
    detail, provider = rest if has_detail else ("", rest[0])
    text = f"{operator.words} “{message}”"
    if detail and operator.name == OPENED:
        text += " by its body" if detail == "0" else f" by button {detail}"
    elif detail:
        text += f" ({in_words(detail)})"
    names = {value: name for name, value in PROVIDERS.items()}
    return f"{text}, {names[provider].capitalize()}" if provider in names else text


def _reach(operator: str, _: Values, scope: Scope) -> Q:
    if operator in {"refused", "not_refused"}:
        refused = Q(**{f"{scope.user}consent__contains": {"push": False}})
        return refused if operator == "refused" else ~refused
    tokens = DeviceToken.objects.filter(user_id=OuterRef(scope.key), disabled_reason="", provider=PROVIDERS[operator])
    return Q(Exists(tokens))


def _choices(app_id: int) -> list[tuple[str, str]]:
    """Return the app's newest messages that have begun. One query."""
    found = Message.objects.filter(app=app_id, is_test=False, began_at__isnull=False).order_by("-created_at", "-id")
    return [(message.public_id, str(message)) for message in found[:MOST_CHOICES]]


register(Field(FIELD, "Message", SECTION, OPERATORS, _where, _say, _choices))
register(Field(REACH, "Push through", SECTION, REACH_OPERATORS, _reach))
