"""Begins, composes, sends and finishes messages, in the queue `push`. Whatever is killed goes on with the next beat."""

from time import monotonic

from celery import shared_task
from django.utils import timezone

from profiles.messages import composing, lanes, sending, services
from profiles.messages.models import Message

# A run ends after this time although more is there; beat asks for the next one. No lane keeps the others waiting.
SECONDS_PER_RUN = 30.0
SECONDS_PER_LANE = 5.0


@shared_task
def send_messages() -> None:
    """Do what is due of all messages. Cheap when nothing is: two queries."""
    services.begin_due(timezone.now())
    ends_at = monotonic() + SECONDS_PER_RUN
    while work_once(ends_at) and monotonic() < ends_at:
        pass


def work_once(ends_at: float) -> bool:
    """Do some of what is due of each message under way; return whether anything was done."""
    under_way = Message.objects.filter(state=Message.State.SENDING).order_by("began_at", "id")
    did = False
    for message_id in list(under_way.values_list("id", flat=True)):
        did |= composing.compose_batch(message_id, timezone.now())
        for lane in lanes.waiting(message_id, timezone.now()):
            until = min(monotonic() + SECONDS_PER_LANE, ends_at)
            did |= sending.send_lane(message_id, lane, until) > 0
        did |= services.finish(message_id, timezone.now())
    return did
