"""The files of an app: kept, found, and applied to an occurrence when its trace is shown."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from symbolic.exceptions import SymbolicError
from symbolic.proguard import ProguardMapper
from symbolic.sourcemapcache import SourceMapCache
from symbolic.symcache import SymCache

from profiles.access.models import App
from profiles.crashes.models import Crash, SymbolFile
from profiles.crashes.symbols.files import Kind, SymbolError, identify, image_id, opened_mapping, packed, unpacked
from profiles.crashes.symbols.rewriting import Rewritten, rewrite_java, rewrite_javascript, rewrite_native
from profiles.crashes.traces import apple, java, javascript, native
from profiles.crashes.traces.reading import read_trace

MOST_BYTES_OF_APP: Final = 2 * 1024 * 1024 * 1024
MOST_FILES_OF_APP: Final = 5000
LONGEST_VERSION: Final = 100
_UPLOADS_LOCK: Final = 0x6372_7379  # "crsy"
_Opened = TypeVar("_Opened")


@transaction.atomic
def store(*, app: App, version: str, file_name: str, content: bytes, by: str, now: datetime) -> list[SymbolFile]:
    """Keep a file for a version of the app, in place of one of the same name. Raises SymbolError."""
    version = version.replace("\0", "").strip()
    if len(version) > LONGEST_VERSION:
        raise SymbolError("The version is too long.")
    found = identify(file_name.replace("\0", ""), content)
    if not version and any(one.kind != Kind.NATIVE for one in found):
        raise SymbolError("Say which version of the app it belongs to.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_UPLOADS_LOCK, app.pk])
    kept = SymbolFile.objects.filter(app=app)
    size = (kept.aggregate(n=Sum("size"))["n"] or 0) + sum(len(one.content) for one in found)
    if size > MOST_BYTES_OF_APP or kept.count() + len(found) > MOST_FILES_OF_APP:
        raise SymbolError("The app has no room for more: delete the files of old versions.")
    return [
        SymbolFile.objects.update_or_create(
            app=app,
            kind=one.kind.value,
            app_version="" if one.kind == Kind.NATIVE else version,
            name=one.name,
            defaults={
                "file_name": file_name[:200],
                "content": packed(one.content),
                "size": len(one.content),
                "uploaded_at": now,
                "uploaded_by": by[:150],
            },
        )[0]
        for one in found
    ]


def files_of(app: App) -> QuerySet[SymbolFile]:
    """Return what an app has, without the contents, the newest first."""
    return SymbolFile.objects.filter(app=app).defer("content").order_by("-uploaded_at", "-id")


# --- Applying -----------------------------------------------------------------------------------


def rewrite(app: App, crash: Crash) -> Rewritten:
    """Return the trace of an occurrence in the words of its source, as far as files are there.

    Up to three queries a script or image, and one file to read that was not read lately. Nothing is stored.
    """
    error = str(crash.texts.get("error", ""))
    report = crash.report
    trace = read_trace(
        error,
        is_javascript=bool(report.get("is_javascript")),
        executable=str(report.get("executable_name", "")),
    )
    try:
        match trace.language:
            case javascript.NAME:
                return rewrite_javascript(error, _once(lambda script: _script_map(app, crash.app_version, script)))
            case java.NAME:
                return rewrite_java(error, _mapping(app, crash.app_version))
            case apple.NAME | native.NAME:
                images = str(crash.texts.get("binary_images", ""))
                return rewrite_native(error, report, images, _once(lambda id_: _symbols(app, id_)))
            case _:
                return Rewritten(error)
    except SymbolicError:
        # A file that its own library cannot use any more must not hide what was reported.
        return Rewritten(error)


def _once(find: Callable[[str], Any]) -> Callable[[str], Any]:
    known: dict[str, Any] = {}

    def found(name: str) -> Any:
        if name not in known:
            known[name] = find(name)
        return known[name]

    return found


def _stamp(app: App, kind: Kind, version: str, name: str) -> tuple[int, datetime] | None:
    files = SymbolFile.objects.filter(app=app, kind=kind.value, app_version=version, name=name)
    return files.values_list("id", "uploaded_at").first()


def _script_map(app: App, version: str, script: str) -> SourceMapCache | None:
    found = _stamp(app, Kind.SOURCE_MAP, version, script)
    return _read_map(found, _stamp(app, Kind.SCRIPT, version, script)) if found else None


def _mapping(app: App, version: str) -> ProguardMapper | None:
    found = _stamp(app, Kind.PROGUARD, version, "")
    return _read_mapping(found) if found else None


def _symbols(app: App, id_: str) -> SymCache | None:
    found = _stamp(app, Kind.NATIVE, "", image_id(id_))
    return _read_symbols(found) if found else None


# Read files are kept by id and time of upload: a few, as one can be large. Those who look at a crash look again.


@lru_cache(maxsize=4)
def _read_map(file: tuple[int, datetime], script: tuple[int, datetime] | None) -> SourceMapCache:
    return SourceMapCache.from_bytes(_content(script) if script else b"", _content(file))


@lru_cache(maxsize=2)
def _read_mapping(file: tuple[int, datetime]) -> ProguardMapper:
    with opened_mapping(_content(file)) as mapping:
        return mapping


@lru_cache(maxsize=4)
def _read_symbols(file: tuple[int, datetime]) -> SymCache:
    symbols: SymCache = SymCache.from_bytes(_content(file))  # type: ignore[no-untyped-call]  # its hints are partial
    return symbols


def _content(file: tuple[int, datetime]) -> bytes:
    return unpacked(bytes(SymbolFile.objects.values_list("content", flat=True).get(pk=file[0])))
