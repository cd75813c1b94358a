"""Cities of addresses, from a database that the operator supplies: here a tiny one in MaxMind's own format."""

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from pytest_django.fixtures import Settings

from countly_profiles.checks import check_places
from ingest.geography import Place, place_of
from ingest.tests.sending import apply_all, send, user_of
from profiles.access.models import App
from profiles.access.services import create_app

BERLIN, MUNICH, GERMANY, RIGA = "91.0.12.7", "91.1.12.7", "91.2.12.7", "2001:db8::7"


def _record(code: str, region: str = "", city: str = "") -> dict[str, object]:
    return {
        "country": {"iso_code": code, "names": {"en": "somewhere"}},
        "location": {"latitude": 1.5, "longitude": 2.5},
        **({"subdivisions": [{"names": {"en": region, "de": "anders"}}]} if region else {}),
        **({"city": {"names": {"de": "anders", "en": city}}} if city else {}),
    }


@pytest.fixture
def database(tmp_path: Path, settings: Settings) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-City")
    writer.insert_network(IPSet(["91.0.0.0/16"]), _record("DE", "Land Berlin", "Berlin"))
    writer.insert_network(IPSet(["91.1.0.0/16"]), _record("DE", "Bavaria", "Munich"))
    writer.insert_network(IPSet(["91.2.0.0/16"]), _record("DE"))
    writer.insert_network(IPSet(["2001:db8::/32"]), _record("lv", "", "Riga"))
    path = tmp_path / "places.mmdb"
    writer.to_db_file(str(path))
    settings.GEOIP_PATH = str(path)
    return path


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("ip", "place"),
    [
        (BERLIN, Place("DE", "Land Berlin", "Berlin")),
        (GERMANY, Place("DE")),
        (RIGA, Place("LV", None, "Riga")),
        ("192.168.1.1", None),
        ("nonsense", None),
        ("8.8.8.8", Place("US")),  # not in the file: the registry's country
    ],
)
def test_an_address_is_somewhere(ip: str, place: Place | None) -> None:
    assert place_of(ip) == place


def test_without_a_file_there_are_countries(settings: Settings) -> None:
    settings.GEOIP_PATH = ""
    assert place_of(BERLIN) == Place("DE")
    assert check_places(None) == []


@pytest.mark.parametrize("content", [None, b"", b"no database of places"])
def test_a_file_that_cannot_be_read_is_told_and_costs_only_the_cities(
    settings: Settings, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "places.mmdb"
    if content is not None:
        path.write_bytes(content)
    settings.GEOIP_PATH = str(path)
    [found] = check_places(None)
    assert found.id == "countly_profiles.W007"
    assert place_of(BERLIN) == Place("DE")


@pytest.mark.usefixtures("database")
def test_a_good_file_is_not_complained_about() -> None:
    assert check_places(None) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("database")
class TestProfiles:
    @pytest.fixture
    def app(self) -> App:
        return create_app(name="Kahve")

    def place(self, app: App) -> tuple[object, ...]:
        apply_all()
        user = user_of(app, "d")
        return user.country, user.region, user.city, user.latitude

    def test_a_session_has_the_city_of_its_address(self, app: App) -> None:
        send(app, "d", 0, begin_session=1, ip_address=BERLIN)
        assert self.place(app) == ("DE", "Land Berlin", "Berlin", None)
        send(app, "d", 3600, begin_session=1, ip_address=MUNICH)
        assert self.place(app) == ("DE", "Bavaria", "Munich", None)
        send(app, "d", 7200, begin_session=1, ip_address=GERMANY)
        assert self.place(app) == ("DE", "Bavaria", "Munich", None)
        send(app, "d", 9000, events=[{"key": "x"}], ip_address=RIGA)
        assert self.place(app) == ("DE", "Bavaria", "Munich", None)
        send(app, "d", 10800, begin_session=1, ip_address=RIGA)
        assert self.place(app) == ("LV", None, "Riga", None)

    def test_what_is_said_and_what_is_measured_come_before_it(self, app: App) -> None:
        send(app, "d", 0, begin_session=1, ip_address=BERLIN, country_code="DE", city="Köln")
        assert self.place(app) == ("DE", None, "Köln", None)
        send(app, "d", 3600, begin_session=1, ip_address=BERLIN, location="48.1,11.6", city="Munich")
        assert self.place(app) == ("DE", None, "Munich", 48.1)
        send(app, "d", 7200, begin_session=1, ip_address=RIGA)
        assert self.place(app) == ("DE", None, "Munich", 48.1)
        send(app, "d", 8 * 86_400, begin_session=1, ip_address=RIGA)
        assert self.place(app) == ("LV", None, "Riga", None)

    def test_coordinates_alone_take_no_guessed_city(self, app: App) -> None:
        send(app, "d", 0, begin_session=1, ip_address=BERLIN, location="48.1,11.6")
        assert self.place(app) == ("DE", None, None, 48.1)

    def test_another_country_than_the_address_says(self, app: App) -> None:
        send(app, "d", 0, begin_session=1, ip_address=BERLIN, country_code="TR")
        assert self.place(app) == ("TR", None, None, None)

    def test_who_opted_out_is_nowhere(self, app: App) -> None:
        send(app, "d", 0, begin_session=1, ip_address=BERLIN)
        send(app, "d", 3600, begin_session=1, ip_address=BERLIN, location="")
        assert self.place(app) == (None, None, None, None)

    @pytest.mark.parametrize("keeps_country", [True, False])
    @pytest.mark.parametrize("keeps_city", [True, False])
    def test_the_app_says_what_is_kept(self, app: App, keeps_country: bool, keeps_city: bool) -> None:
        App.objects.update(keeps_country=keeps_country, keeps_city=keeps_city)
        send(app, "d", 0, begin_session=1, ip_address=BERLIN)
        assert self.place(app)[:3] == (
            "DE" if keeps_country else None,
            "Land Berlin" if keeps_city else None,
            "Berlin" if keeps_city else None,
        )
