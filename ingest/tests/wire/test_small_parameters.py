"""Consent, push token, campaign and health check."""

import pytest

from ingest.tests.wire.building import sent
from ingest.wire.attribution import Campaign
from ingest.wire.limits import DEFAULT_LIMITS, Limits, Note
from ingest.wire.push_token import PushEnvironment, PushProvider, PushToken
from ingest.wire.values import JsonValue


@pytest.mark.rule("consent.features")
def test_consent_is_yes_or_no_for_each_feature() -> None:
    request = sent(consent={"push": False, "star-rating": True, "users": "true", "x": 0, "y": "maybe", "z": None})
    assert request.consent == {"push": False, "star-rating": True, "users": True, "x": False}
    assert request.notes == {Note.CONSENT_UNUSABLE: 2}


def test_consent_has_a_limit_and_may_be_unreadable() -> None:
    assert sent(Limits(consent_features=1), consent={"a": True, "b": True}).consent == {"a": True}
    assert sent(consent="[]").notes == {Note.CONSENT_UNREADABLE: 1}


@pytest.mark.rule("push.android")
@pytest.mark.parametrize(
    ("provider", "meant"),
    [
        ("FCM", PushProvider.FCM),
        ("FIREBASE", PushProvider.FCM),
        ("", PushProvider.FCM),
        ("HMS", PushProvider.HMS),
        ("HUAWEI", PushProvider.HMS),
    ],
)
def test_android_tokens(provider: str, meant: PushProvider) -> None:
    assert sent(token_session="1", android_token="fcm:A", token_provider=provider, locale="lv_LV").token == PushToken(
        provider=meant, environment=PushEnvironment.PRODUCTION, token="fcm:A", locale="lv_LV"
    )


@pytest.mark.rule("push.ios")
@pytest.mark.parametrize(
    ("mode", "environment"),
    [("0", PushEnvironment.PRODUCTION), ("1", PushEnvironment.DEVELOPMENT), (2, PushEnvironment.AD_HOC)],
)
def test_apple_tokens_have_an_environment(mode: JsonValue, environment: PushEnvironment) -> None:
    assert sent(token_session="1", ios_token="9f", test_mode=mode).token == PushToken(
        provider=PushProvider.APNS, environment=environment, token="9f"
    )


@pytest.mark.rule("push.ios")
@pytest.mark.parametrize("mode", [{"test_mode": "3"}, {}, {"test_mode": ""}])
def test_an_apple_token_without_a_valid_mode_is_ignored(mode: dict[str, JsonValue]) -> None:
    request = sent(DEFAULT_LIMITS, token_session="1", ios_token="9f", **mode)
    assert request.token is None
    assert request.notes == {Note.TOKEN_UNUSABLE: 1}


@pytest.mark.rule("push.none")
@pytest.mark.parametrize("token", ["BLACKLISTED", ""])
def test_a_device_may_have_no_token_any_more(token: str) -> None:
    found = sent(token_session="1", android_token=token).token
    assert found is not None
    assert found.token == ""


def test_a_token_needs_its_session_and_has_a_limit() -> None:
    assert sent(android_token="x").token is None
    assert sent(token_session="1").token is None
    assert sent(token_session="1", android_token="x" * 5000).notes == {Note.TOKEN_UNUSABLE: 1}


@pytest.mark.rule("campaign.kept")
def test_campaigns() -> None:
    assert sent(campaign_id="c", campaign_user="u").campaign == Campaign(campaign_id="c", campaign_user="u")
    assert sent(campaign_id="").campaign is None
    assert sent(campaign_user="u").campaign is None


@pytest.mark.rule("health.kept")
def test_health_checks() -> None:
    assert sent(hc={"el": 0, "em": "\0"}).health_check == {"el": 0, "em": ""}
    assert sent(hc="[]").notes == {Note.HEALTH_CHECK_UNREADABLE: 1}
    assert sent().health_check is None
