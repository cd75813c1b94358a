"""What the user allows, feature by feature."""

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import JsonValue, UnreadableError, as_boolean, is_absent, read_object, without_nul


def read_consent(value: JsonValue, limits: Limits, notes: Notes) -> dict[str, bool]:
    """Read `consent`: feature to yes or no. Consent never blocks a request here: SDKs enforce it."""
    if is_absent(value):
        return {}
    try:
        sent = read_object(value)
    except UnreadableError:
        notes.add(Note.CONSENT_UNREADABLE)
        return {}
    consent: dict[str, bool] = {}
    for raw_feature, raw in sent.items():
        feature = without_nul(raw_feature)
        allowed = as_boolean(raw)
        if allowed is None or not 0 < len(feature) <= limits.custom_key or len(consent) >= limits.consent_features:
            notes.add(Note.CONSENT_UNUSABLE)
        else:
            consent[feature] = allowed
    return consent
