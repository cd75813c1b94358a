"""The API's description: complete, and true to what the addresses answer, whatever they are asked."""

from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from django.conf import settings
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings as examples
from playwright.sync_api import expect

from profiles.access import api_keys
from profiles.api.endpoints import ENDPOINTS
from profiles.api.openapi import describe
from profiles.api.tests.conftest import World
from profiles.tests.browser import OpenPage, assert_accessible

pytestmark = pytest.mark.django_db


def test_every_endpoint_is_described() -> None:
    description = describe()
    for endpoint in ENDPOINTS:
        operation = description["paths"][endpoint.path.replace("<in_path>", "{in_path}")]["get"]
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert names >= {parameter.name for parameter in endpoint.parameters}
        if endpoint.method:
            assert endpoint.method in operation["parameters"][1]["schema"]["enum"]


def operations() -> list[Any]:
    """Return what can be called, by the description itself."""
    found: list[Any] = list(schemathesis.openapi.from_dict(describe()).get_all_operations())
    return [result.ok() for result in found]


@pytest.mark.parametrize("operation", operations(), ids=lambda one: one.label)
def test_nothing_that_is_asked_breaks_an_answer(world: World, operation: Any) -> None:
    world.people.alice.is_superuser = True
    world.people.alice.save()
    key = api_keys.create(user=world.people.alice, may_write=True)

    described = operation.definition.raw["responses"]

    @given(case=operation.as_strategy())
    @examples(max_examples=6, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: Any) -> None:
        asked = {**(case.query or {}), "app_id": world.people.app.public_id, "api_key": key}
        with transaction.atomic():
            client = Client(raise_request_exception=False)
            response = client.generic(case.method, case.formatted_path, QUERY_STRING=urlencode(asked, doseq=True))
            transaction.set_rollback(True)
        assert str(response.status_code) in described, response.content

    ask()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_somebody_tries_an_endpoint(world: World, open_page: OpenPage) -> None:
    key = api_keys.create(user=world.people.bob)
    page = open_page(world.people.bob, "/o/docs")
    page.get_by_label("API key, to try it here").fill(key)
    page.locator("#user_counts summary").click()
    assert_accessible(page)
    page.locator("#user_counts").get_by_role("button", name="Send").click()
    expect(page.locator("#user_counts [data-answer] pre")).to_contain_text('"total": 2')
    expect(page.locator("#user_counts [data-status]")).to_contain_text("Status 200")


def test_every_endpoint_has_an_example() -> None:
    text = (settings.BASE_DIR / "docs" / "api.md").read_text()
    assert [endpoint.name for endpoint in ENDPOINTS if f"### `{endpoint.name}`:" not in text] == []
