"""The request that benchmarks send: two events with segmentation, about 600 bytes, from one of many users. Pure.

Each user begins a session with their first request, and every second one after that brings seconds of it. `post.lua`
sends the same, for wrk.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_plus

USERS: Final = 20_000
REQUESTS_OF_A_USER: Final = 10  # in a queue to be drained
CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
EVENTS_OF_A_REQUEST: Final = 2
_STRIDE: Final = 7919  # a prime: neighbours in the queue are different users

# What stays the same is encoded once: a queue of hundreds of thousands is made in seconds.
_EVENTS: Final = quote_plus(
    '[{"key":"Product viewed","count":1,"timestamp":@at@,"hour":14,"dow":3,'
    '"segmentation":{"category":"Shoes","price":59.9,"position":@number@}},'
    '{"key":"Added to cart","count":1,"sum":59.9,"timestamp":@at@,"hour":14,"dow":3,'
    '"segmentation":{"category":"Shoes","size":"42","is_new":true}}]'
).split("%40at%40")
_POSITION: Final = "%40number%40"
_BEGIN: Final = "&begin_session=1&metrics=" + quote_plus(
    '{"_os":"Android","_os_version":"14","_device":"Pixel 8","_resolution":"1080x2400","_app_version":"4.2.1",'
    '"_locale":"tr_TR","_carrier":"Turkcell"}'
)
_GOES_ON: Final = "&session_duration=60"


def device_of(number: int, users: int = USERS) -> str:
    """Return the device that sends request `number`."""
    return f"device-{number * _STRIDE % users:08d}"


def body(app_key: str, number: int, at_ms: int, users: int = USERS) -> bytes:
    """Return the body of request `number`, counted from 0."""
    first, second, end = _EVENTS
    session = _BEGIN if number < users else _GOES_ON if number % 2 else ""
    return (
        f"app_key={app_key}&device_id={device_of(number, users)}&timestamp={at_ms}&hour=14&dow=3&tz=180"
        f"&sdk_name=java-native-android&sdk_version=25.4.1&t=1&rr=0{session}"
        f"&events={first}{at_ms}{second.replace(_POSITION, str(number))}{at_ms}{end}"
    ).encode()
