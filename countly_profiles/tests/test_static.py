"""What the pages are made of: contrast of every text colour, icons that exist, libraries that are what they say."""

import hashlib
import re
from pathlib import Path

import pytest

from profiles.countries import _names
from profiles.templatetags import display

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static/vendor"
CSS = ROOT / "static/css"
TEXT = 4.5  # WCAG 2.2 AA for text
PARTS = 3.0  # and for the edges of controls and the parts of graphics

GROUNDS = ["bg", "surface", "surface-2"]
PAIRS = [
    *(
        (text, ground, TEXT)
        for text in ("text", "muted", "faint", "accent", "bad", "good", "warn")
        for ground in GROUNDS
    ),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    *((tone, f"{tone}-soft", TEXT) for tone in ("accent", "good", "warn", "bad")),
    ("text", "accent-soft", TEXT),
    ("muted", "accent-soft", TEXT),
    ("faint", "accent-soft", TEXT),
    ("text", "bad-soft", TEXT),
    ("muted", "bad-soft", TEXT),
    ("line-strong", "surface", PARTS),
    ("line-strong", "bg", PARTS),
    ("series-1", "surface", PARTS),
    ("series-2", "surface", PARTS),
]


def _tokens() -> dict[str, tuple[str, str]]:
    text = (CSS / "tokens.css").read_text(encoding="utf-8")
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    return {name: (light, dark) for name, light, dark in found}


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS)
def test_every_text_can_be_read(text: str, ground: str, least: float, theme: int) -> None:
    tokens = _tokens()
    assert _contrast(tokens[text][theme], tokens[ground][theme]) >= least


def test_initials_can_be_read_on_every_avatar() -> None:
    hues = re.findall(r"\.hue-\d+ \{ --own: (#[0-9a-f]{6})", (CSS / "components.css").read_text(encoding="utf-8"))
    assert len(hues) == 12
    assert min(_contrast(hue, "#ffffff") for hue in hues) >= TEXT


def test_every_icon_that_is_used_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (VENDOR / "lucide/sprite.svg").read_text(encoding="utf-8")))
    used = {name for name, _ in display._PLATFORM_ICONS.values()} | {"smartphone", "user", "users", "bug", "funnel"}
    for template in (ROOT / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([\w-]+)"', template.read_text(encoding="utf-8")))
    assert used <= sprite


def test_every_country_has_a_flag() -> None:
    flags = {path.stem.upper() for path in (VENDOR / "flag-icons/4x3").glob("*.svg")}
    assert set(_names()) <= flags


def test_vendored_files_are_those_that_were_taken() -> None:
    lines = (VENDOR / "VENDORED.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]
    assert len(rows) > 8
    for _, _, _, _, name, digest in rows:
        if "*" in name:
            files = sorted((VENDOR / "flag-icons/4x3").glob("*.svg"))
            content = b"".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)
        else:
            content = (VENDOR / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name


def test_styles_and_scripts_come_from_files() -> None:
    for template in (ROOT / "templates").rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"|<script>", text), template
