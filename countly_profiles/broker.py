"""How workers and beat come back to a broker that was away: after the same short pause, however long it was."""

from typing import Any, Self

from celery.app.amqp import AMQP
from kombu import Connection

SECONDS_BETWEEN_ATTEMPTS = 1.0


class PatientConnection(Connection):
    """Tries again every second. Kombu's pauses grow to 30 s, and nothing is applied while one still lasts."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Self:
        """Connect, however many attempts it takes within the limit given; return this connection."""
        pauses = {"interval_start": SECONDS_BETWEEN_ATTEMPTS, "interval_step": 0}
        super().ensure_connection(*args, **(pauses | kwargs))
        return self


class PatientAMQP(AMQP):
    """Celery's messaging on such connections."""

    Connection = PatientConnection
    BrokerConnection = PatientConnection
