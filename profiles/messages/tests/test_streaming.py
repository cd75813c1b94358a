"""Messages in the stream of a user: what was sent and opened, each row on one page alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from profiles.activity.boxes import read_cursor
from profiles.messages.content import to_json
from profiles.messages.models import Delivery, Message
from profiles.messages.tests.making import say
from profiles.profile.stream import Part, read_stream
from profiles.tests.factories import make_event, make_people, make_user
from profiles.users.models import DeviceToken

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_messages_stand_where_they_were_sent_and_opened(rows: int) -> None:
    app = make_people().app
    user = make_user(app, "phone", seen_at=NOON)
    make_event(user, "buy", NOON)
    for number, state in enumerate(["sent", "sent", "failed", "queued"]):
        message = Message.objects.create(app=app, content=to_json(say(f"Offer {number}")), audience={}, created_at=NOON)
        for token in range(2):
            Delivery.objects.create(
                user_id=user.id,
                message=message,
                token_key=UUID(int=token),
                app=app,
                device_key=user.id,
                provider=DeviceToken.Provider.FCM,
                lane=0,
                state=state,
                reason="BadDeviceToken" if state == "failed" else "",
                composed_at=NOON,
                due_at=NOON,
                expires_at=NOON,
                settled_at=None if state == "queued" else NOON,
                opened_at=NOON + timedelta(minutes=5) if number == 0 and token == 0 else None,
            )
    found, text = [], ""
    while True:
        page = read_stream(app, user, (Part.EVENTS, Part.MESSAGES), before=read_cursor(text), rows=rows)
        found += [row.happening for row in page.rows]
        text = page.next
        if not text:
            break
    assert sorted((one.name, one.count) for one in found) == [
        ("Push failed", 2),
        ("Push opened", 1),
        ("Push sent", 2),
        ("Push sent", 2),
        ("buy", 1),
    ]
    assert found[0].name == "Push opened"
    assert all("Offer" in str(one.chips[0].value) for one in found if one.name != "buy")
    assert all(row.happening.name.startswith("Push") for row in read_stream(app, user, (Part.MESSAGES,)).rows)
