"""The devices that the demo's people carry, by the raw codes that they report."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Platform(StrEnum):
    """Which build of the app, and so which SDK."""

    ANDROID = "Android"
    IOS = "iOS"
    WEB = "Web"


@dataclass(frozen=True, slots=True)
class Device:
    """One model. `versions` are the OS versions that it runs, oldest first; of a browser, its own."""

    weight: int
    platform: Platform
    model: str
    manufacturer: str
    resolution: str
    density: str
    versions: tuple[str, ...]
    ram_megabytes: int
    device_type: str = "mobile"
    os: str = ""
    user_agent: str = ""
    browser: str = ""
    has_hinge: bool = False


_NEW: Final = ("15", "16")
_MID: Final = ("14", "15")
_OLD: Final = ("12", "13")
_IOS: Final = ("18.6.2", "26.0.1", "26.1")
_OLD_IOS: Final = ("17.7.2", "18.5", "18.6.2")


def _android(
    weight: int,
    model: str,
    maker: str,
    resolution: str,
    density: str,
    versions: tuple[str, ...],
    ram: int,
    **more: bool,
) -> Device:
    kind = "tablet" if more.get("is_tablet") else "mobile"
    return Device(
        weight, Platform.ANDROID, model, maker, resolution, density, versions, ram,
        device_type=kind, os="Android", has_hinge=more.get("has_hinge", False),
    )  # fmt: skip


def _ios(weight: int, model: str, resolution: str, density: str, versions: tuple[str, ...], ram: int) -> Device:
    kind = "tablet" if model.startswith("iPad") else "mobile"
    return Device(weight, Platform.IOS, model, "Apple", resolution, density, versions, ram, device_type=kind, os="iOS")


def _browser(
    weight: int, os: str, browser: str, versions: tuple[str, ...], resolution: str, density: str, user_agent: str
) -> Device:
    kind = "mobile" if "Mobile" in user_agent else "desktop"
    return Device(
        weight, Platform.WEB, "", "", resolution, density, versions, 8192,
        device_type=kind, os=os, user_agent=user_agent, browser=browser,
    )  # fmt: skip


DEVICES: Final = (
    _android(10, "SM-S921B", "samsung", "1080x2340", "XXHDPI", _NEW, 7300),
    _android(6, "SM-S928B", "samsung", "1440x3120", "XXXHDPI", _NEW, 11200),
    _android(8, "SM-A546B", "samsung", "1080x2340", "XXHDPI", _MID, 5500),
    _android(6, "SM-A145F", "samsung", "1080x2408", "XXHDPI", _OLD, 3600),
    _android(2, "SM-F946B", "samsung", "1812x2176", "XXHDPI", _MID, 11200, has_hinge=True),
    _android(2, "SM-X510", "samsung", "1440x2304", "XHDPI", _MID, 5600, is_tablet=True),
    _android(7, "Pixel 8", "Google", "1080x2400", "XXHDPI", _NEW, 7600),
    _android(4, "Pixel 9 Pro", "Google", "1280x2856", "XXXHDPI", ("16",), 15400),
    _android(3, "Pixel 6a", "Google", "1080x2400", "XXHDPI", _NEW, 5700),
    _android(5, "2201117TY", "Xiaomi", "1080x2400", "XXHDPI", ("11", "13"), 3700),
    _android(4, "23049PCD8G", "Xiaomi", "1080x2400", "XXHDPI", _MID, 7400),
    _android(3, "CPH2581", "OnePlus", "1440x3168", "XXXHDPI", _NEW, 11300),
    _android(2, "moto g84 5G", "motorola", "1080x2400", "XXHDPI", _MID, 7500),
    _ios(9, "iPhone17,1", "1206x2622", "@3x", _IOS, 7900),
    _ios(7, "iPhone17,3", "1179x2556", "@3x", _IOS, 7900),
    _ios(8, "iPhone15,4", "1179x2556", "@3x", _IOS, 5800),
    _ios(5, "iPhone16,2", "1290x2796", "@3x", _IOS, 7900),
    _ios(6, "iPhone14,5", "1170x2532", "@3x", _OLD_IOS, 3800),
    _ios(3, "iPhone12,8", "750x1334", "@2x", _OLD_IOS, 2900),
    _ios(2, "iPad13,18", "1640x2360", "@2x", _OLD_IOS, 3800),
    _browser(
        9, "Windows", "Chrome", ("141.0", "142.0"), "1920x1080", "1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0 Safari/537.36",
    ),
    _browser(
        4, "Windows", "Edge", ("141.0", "142.0"), "2560x1440", "1.25",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0 Safari/537.36"
        " Edg/{v}.0.0",
    ),
    _browser(
        5, "Mac OS X", "Safari", ("18.6", "26.0"), "1512x982", "2",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}"
        " Safari/605.1.15",
    ),
    _browser(
        3, "Linux", "Firefox", ("143.0", "144.0"), "1920x1200", "1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:{v}) Gecko/20100101 Firefox/{v}",
    ),
    _browser(
        4, "iOS", "Mobile Safari", ("18.5", "18.6"), "390x844", "3",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}"
        " Mobile/15E148 Safari/604.1",
    ),
)  # fmt: skip

_BY_PLATFORM: Final = {p: tuple(d for d in DEVICES if d.platform is p) for p in Platform}


def devices_of(platform: Platform) -> tuple[Device, ...]:
    """Give the models that run one build of the app."""
    return _BY_PLATFORM[platform]
