"""Why a message was not sent to somebody, beside what providers say; and all of it in words. Pure."""

from typing import Final

REFUSED: Final = "refused"
CAPPED: Final = "capped"
NO_CREDENTIAL: Final = "no_credential"
TOO_LATE: Final = "too_late"
TOKEN_GONE: Final = "token_gone"  # noqa: S105 - not a secret
TOKEN_MOVED: Final = "token_moved"  # noqa: S105 - not a secret
TOKEN_OFF: Final = "token_off"  # noqa: S105 - not a secret
USER_GONE: Final = "user_gone"

_WORDS: Final = {
    REFUSED: "Push was refused by the user",
    CAPPED: "Had as many messages as the app allows",
    NO_CREDENTIAL: "The app has no credential for this provider",
    TOO_LATE: "The time for it had passed",
    TOKEN_GONE: "The device gave its token up meanwhile",
    TOKEN_MOVED: "Somebody else uses the device now",
    TOKEN_OFF: "The provider had said that the token is no more",
    USER_GONE: "The user was deleted meanwhile",
    "unreachable": "The provider could not be reached",
    "no answer": "The provider did not answer",
    "PayloadTooLarge": "Longer than the provider takes (4 KB)",
    "Unregistered": "The app was removed from the device",
    "UNREGISTERED": "The app was removed from the device",
    "ExpiredToken": "The token is no more",
    "BadDeviceToken": "The token is wrong, or of the other environment",
    "DeviceTokenNotForTopic": "The token belongs to another app",
    "INVALID_ARGUMENT": "The token or the payload is wrong",
    "SENDER_ID_MISMATCH": "The token belongs to another Firebase project",
    "QUOTA_EXCEEDED": "The provider was sent too much",
    "TooManyRequests": "The device was sent too much",
    "InvalidProviderToken": "The signing key is refused",
    "TopicDisallowed": "The key may not send to this bundle id",
    "invalid_grant": "The service account is refused",
}


def in_words(reason: str) -> str:
    """Say a reason; a provider's that is not known here as the provider says it."""
    return _WORDS.get(reason, reason)
