"""Uploaded pictures of app users and icons of apps: judged by content, drawn anew and small, under names of our own.

Nothing of an uploaded file survives but its pixels: no script, metadata or second format can hide in what is served.
"""

import io
import logging
import re
from collections.abc import Iterable
from hashlib import sha1

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageOps, UnidentifiedImageError

log = logging.getLogger(__name__)

_FAULTS = (OSError, BotoCoreError, ClientError)  # of a disk, or of a store that speaks S3
SIDE = 150  # pixels, as Countly keeps them
MOST_PIXELS = 40_000_000  # what a phone's camera takes; more is an attack on our memory
_FORMATS = ("PNG", "JPEG", "GIF")
_QUALITY = 85
_NAME = re.compile(r"[0-9a-f]{40}\.jpg", re.ASCII)
_ADDRESS = re.compile(r"/apps/[0-9a-f]{24}/pictures/[0-9a-f]{40}\.jpg", re.ASCII)


def thumbnail(content: bytes) -> bytes | None:
    """Return a picture as a JPEG of at most SIDE x SIDE pixels, or None if it is none that we take."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.draft("RGB", (SIDE, SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
            upright.thumbnail((SIDE, SIDE))
            opaque = Image.new("RGB", upright.size, "white")
            opaque.paste(upright, mask=upright)
            out = io.BytesIO()
            opaque.save(out, "JPEG", quality=_QUALITY)
            return out.getvalue()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None


def store(app_public_id: str, content: bytes, *, owner: str) -> str | None:
    """Keep a picture and return its address on this server, or None if it is none or the storage does not take it.

    Same pixels of the same owner, same address; of two owners, two: one can be forgotten without the other.
    """
    small = thumbnail(content)
    if small is None:
        return None
    name = f"{sha1(owner.encode() + small, usedforsecurity=False).hexdigest()}.jpg"
    path = _path(app_public_id, name)
    try:
        if not default_storage.exists(path):
            default_storage.save(path, ContentFile(small))
    except _FAULTS as fault:  # costs the picture, not what came with it
        log.error("picture_not_stored", extra={"fault": type(fault).__name__})  # noqa: TRY400 - a trace may quote
        return None
    return f"/apps/{app_public_id}/pictures/{name}"


def load(app_public_id: str, name: str) -> bytes | None:
    """Return the picture of this name, or None where there is none, or the storage does not give it."""
    path = _path(app_public_id, name)
    if not _NAME.fullmatch(name):
        return None
    try:
        with default_storage.open(path) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        return None
    except _FAULTS as fault:
        log.error("picture_not_read", extra={"fault": type(fault).__name__})  # noqa: TRY400 - as above
        return None


def name_in(address: str | None) -> str:
    """Return the name of a picture of ours in its address; nothing in any other."""
    name = (address or "").rpartition("/")[2]
    return name if name and _ADDRESS.fullmatch(address or "") else ""


def forget(app_public_id: str, names: Iterable[str]) -> None:
    """Delete pictures; those that are not there are passed over."""
    for name in names:
        if _NAME.fullmatch(name):
            default_storage.delete(_path(app_public_id, name))


def forget_all(app_public_id: str, *, but: str = "") -> None:
    """Delete every picture of an app, one perhaps excepted."""
    try:
        names = default_storage.listdir(f"pictures/{app_public_id}")[1]  # a bucket has no folders to ask for
    except FileNotFoundError:
        return
    forget(app_public_id, [name for name in names if name != but])


def _path(app_public_id: str, name: str) -> str:
    return f"pictures/{app_public_id}/{name}"
