"""The people of the demo: who they are, what they carry, how often they come."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from random import Random
from typing import Final
from unicodedata import combining, normalize

from ingest.demo.devices import Device, Platform, devices_of
from ingest.demo.menu import COFFEES, TAGS
from ingest.demo.names import NAMES, ORGANIZATIONS
from ingest.demo.places import PLACE_WEIGHTS, PLACES, Place

# Every twelfth person is in the app at the very moment the demo ends.
_ONLINE_EVERY: Final = 12
_ONLINE_REMAINDER: Final = 5
# Reserved names: no mail reaches anybody.
_MAIL_HOSTS: Final = ("example.com", "example.org", "example.net")
_LETTERS: Final = str.maketrans("ıøłəş", "ioles")


class Habit(Enum):
    """How a person uses the app: visits a day while they use it, share of them on a weekend, share of all people."""

    LOYAL = (0.95, 0.20, 22)
    REGULAR = (0.45, 0.28, 30)
    WEEKENDER = (0.30, 0.75, 10)
    OCCASIONAL = (0.13, 0.30, 18)
    CHURNED = (0.55, 0.25, 12)
    PASSER_BY = (0.0, 0.30, 8)

    @property
    def visits_a_day(self) -> float:
        """Mean over the days of use."""
        return self.value[0]

    @property
    def weekend_share(self) -> float:
        """Share of visits on Saturday and Sunday; an even spread would be 0.29."""
        return self.value[1]

    @property
    def weight(self) -> int:
        """Share of the people, in per cent."""
        return self.value[2]


class Locating(Enum):
    """What a person lets the app know about the place."""

    COORDINATES = "coordinates"
    ADDRESS_ONLY = "address only"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Account:
    """What somebody fills in on signing up."""

    customer_id: str
    name: str
    username: str
    email: str
    phone: str
    gender: str
    birth_year: int
    organization: str
    favourite: str
    tags: tuple[str, ...]
    has_newsletter: bool
    facebook_id: str


@dataclass(frozen=True, slots=True)
class Handset:
    """A device as one person has it."""

    device: Device
    device_id: str
    os_version: str
    newer_os_version: str
    carrier: str
    is_flutter: bool


@dataclass(frozen=True, slots=True)
class Person:
    """One person of the story. `joins` and `leaves` are shares of the period: 0 its start, 1 now."""

    number: int
    place: Place
    habit: Habit
    joins: float
    leaves: float
    handset: Handset
    second_handset: Handset | None
    locating: Locating
    updates_after: timedelta
    account: Account | None
    signs_up_at_visit: int
    changes_id: bool
    asks_consent: bool
    allows_push: bool
    is_online_now: bool


def make_person(seed: str, number: int) -> Person:
    """Make the person with this number; the same for the same seed."""
    rng = Random(f"{seed}/person/{number}")  # noqa: S311 - a story, not a secret
    place = rng.choices(PLACES, PLACE_WEIGHTS)[0]
    is_online_now = number % _ONLINE_EVERY == _ONLINE_REMAINDER
    habits = [habit for habit in Habit if not is_online_now or habit not in (Habit.CHURNED, Habit.PASSER_BY)]
    habit = rng.choices(habits, [habit.weight for habit in habits])[0]
    platform = rng.choices((Platform.ANDROID, Platform.IOS, Platform.WEB), (46, 37, 17))[0]
    handset = _make_handset(rng, platform, place)
    # Passers-by do not sign up; those who come often do so more.
    will_sign_up = rng.random() < {Habit.LOYAL: 0.5, Habit.REGULAR: 0.4, Habit.PASSER_BY: 0.0}.get(habit, 0.22)
    account = _make_account(rng, number, place) if will_sign_up else None
    has_second = account is not None and platform is not Platform.WEB and rng.random() < 0.3
    joins = 0.0 if rng.random() < 0.45 else rng.random() ** 0.9 * 0.97
    leaves = joins + (1 - joins) * rng.uniform(0.15, 0.6) if habit is Habit.CHURNED else 1.0
    return Person(
        number=number,
        place=place,
        habit=habit,
        joins=joins,
        leaves=leaves,
        handset=handset,
        second_handset=_make_handset(rng, Platform.WEB, place) if has_second else None,
        locating=_choose_locating(rng, platform),
        updates_after=timedelta(days=min(rng.expovariate(1 / 2.2), 25)),
        account=account,
        signs_up_at_visit=rng.choices((0, 1, 2, 4), (45, 25, 20, 10))[0],
        changes_id=has_second or rng.random() < 0.6,
        asks_consent=place.timezone.startswith("Europe/") and rng.random() < 0.45,
        allows_push=rng.random() < 0.55,
        is_online_now=is_online_now,
    )


def _choose_locating(rng: Random, platform: Platform) -> Locating:
    weights = (0, 97, 3) if platform is Platform.WEB else (62, 33, 5)
    return rng.choices(tuple(Locating), weights)[0]


def _make_handset(rng: Random, platform: Platform, place: Place) -> Handset:
    models = devices_of(platform)
    device = rng.choices(models, [model.weight for model in models])[0]
    first = rng.randrange(len(device.versions))
    is_updated = rng.random() < 0.35
    return Handset(
        device=device,
        device_id=_make_device_id(rng, platform),
        os_version=device.versions[first],
        newer_os_version=device.versions[min(first + is_updated, len(device.versions) - 1)],
        carrier=rng.choice(place.carriers) if platform is not Platform.WEB else "",
        is_flutter=platform is not Platform.WEB and rng.random() < 0.12,
    )


def _make_device_id(rng: Random, platform: Platform) -> str:
    """Give an id as the SDK of the platform makes it: Android 16 hexadecimal digits, the others a UUID."""
    if platform is Platform.ANDROID:
        return f"{rng.getrandbits(64):016x}"
    digits = f"{rng.getrandbits(128):032x}"
    text = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    return text.upper() if platform is Platform.IOS else text


def _make_account(rng: Random, number: int, place: Place) -> Account:
    women, men, lasts = NAMES[place.culture]
    gender = rng.choice("FM")
    first, last = rng.choice(women if gender == "F" else men), rng.choice(lasts)
    is_last_first = place.culture in ("ja", "ko")
    handle = f"{_plain(first)}.{_plain(last)}".strip(".") or "guest"
    username = f"{handle.replace('.', '')[:14]}{rng.randrange(10, 99)}"
    favourite = rng.choices(COFFEES, [coffee.weight for coffee in COFFEES])[0]
    return Account(
        customer_id=f"kahve-{rng.getrandbits(24):06x}-{number}",
        name=f"{last} {first}" if is_last_first else f"{first} {last}",
        username=username,
        email=f"{handle}{rng.choice(('', str(rng.randrange(70, 99))))}@{rng.choice(_MAIL_HOSTS)}",
        phone=f"+99 555 01{rng.randrange(100):02d} {rng.randrange(100):02d}" if rng.random() < 0.6 else "",
        gender=gender if rng.random() < 0.8 else "",
        birth_year=rng.randrange(1958, 2008) if rng.random() < 0.7 else 0,
        organization=rng.choice(ORGANIZATIONS) if rng.random() < 0.2 else "",
        favourite=favourite.name,
        tags=tuple(rng.sample(TAGS, rng.choice((0, 1, 2)))),
        has_newsletter=rng.random() < 0.55,
        facebook_id=str(rng.randrange(10**14, 10**15)) if rng.random() < 0.35 else "",
    )


def _plain(name: str) -> str:
    """Give a name in the letters that e-mail addresses are made of; nothing for other scripts."""
    spelled = name.lower().replace("ß", "ss").translate(_LETTERS)
    letters = (letter for letter in normalize("NFD", spelled) if not combining(letter))
    return "".join(letter for letter in letters if letter.isascii() and letter.isalnum())
