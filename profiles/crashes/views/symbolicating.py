"""Files that turn machine names back into source: a page for people, an address for build servers."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from profiles.access import api_keys, audit
from profiles.access.models import App, Membership
from profiles.access.permissions import has_role, signed_in
from profiles.crashes.models import SymbolFile
from profiles.crashes.symbols import library
from profiles.crashes.symbols.files import MOST_BYTES, SymbolError
from profiles.crashes.views.finding import clock_of

FILES_SHOWN = 200
MOST_AT_ONCE = 50
_MEGABYTE = 1024 * 1024


def symbols(request: HttpRequest, app: App) -> HttpResponse:
    """List the app's files; analysts upload and delete."""
    may_change = has_role(Membership.Role(app.viewer_role), Membership.Role.ANALYST)
    version = request.POST.get("version", request.GET.get("version", ""))
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        try:
            kept = _store(app, version, request.FILES.getlist("file"), by=signed_in(request).get_username())
        except SymbolError as error:
            messages.error(request, str(error))
        else:
            audit.record(
                request.user,
                app,
                audit.Action.EDITED,
                "crash symbols uploaded",
                {"version": version, "files": len(kept)},
            )
            messages.success(request, f"Uploaded: {', '.join(file.file_name for file in kept)[:200]}.")
        return redirect("crashes:symbols", app.public_id)
    context = {
        "app": app,
        "clock": clock_of(app),
        "files": library.files_of(app)[:FILES_SHOWN],
        "may_change": may_change,
        "version": version[: library.LONGEST_VERSION],
        "most_megabytes": MOST_BYTES // _MEGABYTE,
        "upload_url": request.build_absolute_uri(reverse("upload_symbols")),
    }
    return render(request, "crashes/symbols.html", context)


@require_POST
def delete_symbols(request: HttpRequest, app: App, file_id: int) -> HttpResponse:
    """Delete a file: traces that it served are shown as reported again."""
    file = get_object_or_404(SymbolFile.objects.defer("content"), app=app, pk=file_id)
    with transaction.atomic():
        file.delete()
        subject = f"crash symbols deleted: {file.file_name}"
        audit.record(request.user, app, audit.Action.EDITED, subject, {"version": file.app_version})
    messages.success(request, "Deleted.")
    return redirect("crashes:symbols", app.public_id)


@csrf_exempt
@require_POST
def upload_symbols(request: HttpRequest) -> HttpResponse:
    """Take files from a build server: `app_id`, `version`, `file` (repeated), `Authorization: Bearer <API key>`."""
    key = api_keys.authenticate(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
    if key is None:
        return JsonResponse({"result": "The API key is missing, wrong or over"}, status=401)
    app = api_keys.get_app_or_404(key, request.POST.get("app_id", ""), Membership.Role.ANALYST, writes=True)
    version, by = request.POST.get("version", ""), f"{key.user.get_username()}, key {key.prefix}"
    try:
        kept = _store(app, version, request.FILES.getlist("file"), by=by)
    except SymbolError as error:
        return JsonResponse({"result": str(error)}, status=400)
    audit.record(key.user, app, audit.Action.EDITED, "crash symbols uploaded", {"version": version, "key": key.prefix})
    return JsonResponse({"result": "Success", "files": [{"kind": file.kind, "name": file.name} for file in kept]})


@transaction.atomic
def _store(app: App, version: str, files: Iterable[UploadedFile[Any]], *, by: str) -> list[SymbolFile]:
    """Keep all of the files or none. Raises SymbolError."""
    sent = list(files)
    if not 0 < len(sent) <= MOST_AT_ONCE:
        raise SymbolError(f"1 to {MOST_AT_ONCE} files can be uploaded at once.")
    kept = []
    for file in sent:
        if (file.size or 0) > MOST_BYTES:
            raise SymbolError(f"{file.name} is larger than {MOST_BYTES // _MEGABYTE} MB.")
        try:
            kept += library.store(
                app=app,
                version=version,
                file_name=file.name or "",
                content=file.read(),
                by=by,
                now=timezone.now(),
            )
        except SymbolError as error:
            raise SymbolError(f"{file.name}: {error}") from error
    return kept
