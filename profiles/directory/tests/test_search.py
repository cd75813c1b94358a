import pytest

from profiles.access.models import App
from profiles.directory.search import search_condition
from profiles.tests.factories import make_app, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def app() -> App:
    app = make_app()
    make_user(app, "A1B2C3D4", name="Elif Demirtaş", email="elif@kahve.test", phone="+90 555 010 22 33")
    make_user(app, "100%_real", name="Jonas Weber")
    make_user(app, "100-percent", username="İpek")
    return app


def _found(app: App, text: str) -> set[str]:
    return set(AppUser.objects.filter(search_condition(text), app=app).values_list("device_id", flat=True))


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("demir", {"A1B2C3D4"}),
        ("DEMİRTAŞ", {"A1B2C3D4"}),
        ("kahve elif", {"A1B2C3D4"}),
        ("elif weber", set()),
        ("010", {"A1B2C3D4"}),
        ("a1b2", {"A1B2C3D4"}),
        ("100", {"100%_real", "100-percent"}),
        ("100%", {"100%_real"}),
        ("%_", set()),
        ("0%_r", {"100%_real"}),
        ("\\", set()),
        ("İpek", {"100-percent"}),
        ("de", {"A1B2C3D4"}),
        ("we", {"100%_real"}),
        ("el", {"A1B2C3D4"}),
        ("irt", {"A1B2C3D4"}),
        ("rt", set()),
        ("", {"A1B2C3D4", "100%_real", "100-percent"}),
    ],
)
def test_it_finds(app: App, text: str, devices: set[str]) -> None:
    assert _found(app, text) == devices


def test_it_finds_what_somebody_was_called_before(app: App) -> None:
    make_user(app, "new-device", email="new@kahve.test", former_values="old@kahve.test\nold-device")
    assert _found(app, "ld@kahve") == {"new-device"}
    assert _found(app, "old-dev") == {"new-device"}
