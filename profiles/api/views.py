"""The API's description, for programs and for people who try it."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from profiles.access.permissions import visible_apps
from profiles.api.endpoints import ENDPOINTS
from profiles.api.openapi import describe, parameters_of, rights_in_words


@require_safe
def description(_: HttpRequest) -> JsonResponse:
    """Answer the OpenAPI document, which holds nothing of anybody."""
    return JsonResponse(describe())


@require_safe
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """Show every endpoint with its parameters, rights and an example, each with a form that calls it."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for endpoint in ENDPOINTS:
        section = _SECTIONS[endpoint.handler.__module__.rpartition(".")[2]]
        sections.setdefault(section, []).append(
            {
                "endpoint": endpoint,
                "anchor": endpoint.name.replace(".", "-").replace("/", "-").replace("<in_path>", "id"),
                "parameters": parameters_of(endpoint),
                "rights": rights_in_words(endpoint),
                "takes_path": "<in_path>" in endpoint.path,
                "example": json.dumps(endpoint.example, indent=2, ensure_ascii=False) if endpoint.example else "",
            }
        )
    context = {"sections": sections, "apps": list(visible_apps(request.user))}
    return render(request, "api/docs.html", context)


_SECTIONS = {
    "apps": "Apps and the caller",
    "users": "App users: reads",
    "app_users": "App users: writes",
    "funnels": "Funnels",
    "crashes": "Crashes",
    "push": "Push messages",
}
