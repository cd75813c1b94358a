"""Why a request is refused: a closed set of slugs."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a request has no effect at all."""

    MISSING_APP_KEY = "missing_app_key"
    MISSING_DEVICE_ID = "missing_device_id"
    ZERO_IDFA = "zero_idfa"
    NOBODYS_DEVICE_ID = "nobodys_device_id"
    INVALID_APP_ID = "invalid_app_id"
    INVALID_USER_ID = "invalid_user_id"
    MISSING_REQUESTS = "missing_requests"
    INVALID_REQUESTS = "invalid_requests"
    UNKNOWN_METHOD = "unknown_method"
    TOO_LARGE = "too_large"
