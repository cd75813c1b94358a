"""The export of a list: what it will hold, the file itself, and how far it is."""

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe
from redis.exceptions import RedisError

from profiles.access import audit
from profiles.access.models import App
from profiles.directory.audience import Audience, count_users, counted_in_words
from profiles.directory.export import Format, Sheet, write_lines
from profiles.directory.filters.tree import FilterError
from profiles.directory.reading import ListRead, read_list

PROGRESS_KEPT_SECONDS: Final = 3600
_TOKEN: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


@require_safe
def export(request: HttpRequest, app: App) -> HttpResponse:
    """Say what a file of these users will hold, and how many they are; offer it."""
    shown = read_list(request.GET)
    context: dict[str, Any] = {"app": app, "back_url": _list_url(app, shown)}
    try:
        audience = Audience.read(request.GET)
    except FilterError as error:
        return render(request, "directory/export.html", context | {"error": str(error)}, status=400)
    count = count_users(app, audience)
    sheet = Sheet.of(shown.columns)
    context |= {
        "words": counted_in_words(app, count, audience),
        "count": count,
        "exports": sheet.exports,
        "drawings": [column.label for column in shown.columns if not column.exports],
        "order": shown.order_in_words,
        "formats": list(Format),
        "fields": _fields(audience, shown),
        "token": secrets.token_hex(8),
    }
    return render(request, "directory/export.html", context)


@require_POST
def download(request: HttpRequest, app: App) -> HttpResponse | StreamingHttpResponse:
    """Answer with the file, as it is read. What is exported stands in the audit log before the first line leaves."""
    shown = read_list(request.POST)
    try:
        audience = Audience.read(request.POST)
    except FilterError as error:
        context = {"app": app, "error": str(error), "back_url": _list_url(app, shown)}
        return render(request, "directory/export.html", context, status=400)
    form = Format(request.POST["format"]) if request.POST.get("format") in set(Format) else Format.CSV
    count = count_users(app, audience)
    audit.record(
        request.user,
        app,
        audit.Action.EXPORTED,
        "users of the list",
        {"users": count, "format": form.value, "columns": [e.name for e in Sheet.of(shown.columns).exports]},
    )
    key = _progress_key(request, request.POST.get("token", ""))
    lines = write_lines(
        app,
        audience,
        shown.columns,
        shown.sort,
        is_descending=shown.state.is_descending,
        form=form,
        progress=lambda written: _tell(key, written, count, is_done=False),
    )
    name = f"{slugify(app.name) or 'users'}-{shown.state.tab.value}.{form.value}"
    return StreamingHttpResponse(
        _told(lines, key, count),
        content_type=form.content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


@require_safe
def progress(request: HttpRequest, app: App) -> HttpResponse:
    """Say how far the person's own export of this `token` is."""
    token = request.GET.get("token", "")
    key = _progress_key(request, token)
    try:
        told = cache.get(key) if key else None
    except RedisError:
        told = None
    return render(request, "directory/_export_progress.html", {"app": app, "token": token, "progress": told})


def _told(lines: Iterator[bytes], key: str, count: int) -> Iterator[bytes]:
    _tell(key, 0, count, is_done=False)
    yield from lines
    _tell(key, count, count, is_done=True)


def _tell(key: str, written: int, count: int, *, is_done: bool) -> None:
    if key:
        share = 1.0 if is_done or not count else min(written / count, 1.0)
        told = {"written": written, "count": count, "share": share, "is_done": is_done}
        # How far an export is may be forgotten, the export itself goes on.
        with suppress(RedisError):
            cache.set(key, told, PROGRESS_KEPT_SECONDS)


def _progress_key(request: HttpRequest, token: str) -> str:
    return f"export:{request.user.pk}:{token}" if _TOKEN.fullmatch(token) else ""


def _fields(audience: Audience, shown: ListRead) -> list[tuple[str, str]]:
    """Return the form's fields: who is meant, and the table's columns and order."""
    taken = {name for name, _ in audience.fields()}
    more = [(name, value) for name, value in shown.state.fields() if name in {"sort", "columns"}]
    return [*audience.fields(), *((name, value) for name, value in more if name not in taken)]


def _list_url(app: App, shown: ListRead) -> str:
    query = shown.state.query_string()
    return reverse("directory:users", args=[app.public_id]) + (f"?{query}" if query else "")
