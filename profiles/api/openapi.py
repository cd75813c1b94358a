"""The API as an OpenAPI 3.1 document, made from the endpoints themselves, so that it cannot say anything else."""

from typing import Any, Final

from profiles.access.permissions import Role
from profiles.api.endpoint import Endpoint, Parameter
from profiles.api.endpoints import BY_METHOD, BY_PATH

TITLE: Final = "Countly Profiles"
_ERROR: Final = {
    "description": "An error, in words.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_APP_ID: Final = Parameter("app_id", "The app's id: 24 hexadecimal digits.", is_required=True)
_RIGHTS: Final = {
    Role.VIEWER: "whoever may read the app",
    Role.ANALYST: "analysts of the app",
    Role.ADMIN: "admins of the app",
}


def describe() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, Any] = {"/o": _operations(_reads(), "reads")}
    for address, endpoint in BY_PATH.items():
        paths[address.replace("<in_path>", "{in_path}")] = _operations(endpoint, endpoint.name)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": "1.0.0",
            "description": "Countly's HTTP API for user profiles. GET and POST are alike; parameters may stand in the"
            " address, in a form or in a JSON body.",
        },
        "paths": paths,
        "security": [{"api_key": []}, {"token": []}],
        "components": {
            "securitySchemes": {
                "api_key": {"type": "apiKey", "in": "query", "name": "api_key"},
                "token": {"type": "apiKey", "in": "header", "name": "countly-token"},
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["result"],
                    "properties": {"result": {"type": "string"}},
                }
            },
        },
    }


def rights_in_words(endpoint: Endpoint) -> str:
    """Say who may call an endpoint."""
    if endpoint.is_for_superusers:
        who = "superusers"
    elif endpoint.role is None:
        who = "whoever has a key"
    else:
        who = _RIGHTS[endpoint.role]
    return f"For {who}{', with a key that may write' if endpoint.writes else ''}."


def parameters_of(endpoint: Endpoint) -> tuple[Parameter, ...]:
    """Return all parameters of an endpoint, the app among them; every name once."""
    first = (_APP_ID,) if endpoint.role is not None else ()
    return tuple({parameter.name: parameter for parameter in (*first, *endpoint.parameters)}.values())


def _reads() -> Endpoint:
    """Return `/o` as one endpoint with the parameters of all its methods: OpenAPI tells addresses apart by path."""
    parameters: dict[str, Parameter] = {}
    for endpoint in BY_METHOD.values():
        for parameter in endpoint.parameters:
            known = parameters.get(parameter.name)
            names = f"{known.description} " if known else ""
            parameters[parameter.name] = Parameter(
                parameter.name, f"{names}[{endpoint.method}] {parameter.description}", parameter.type
            )
    method = Parameter("method", "What to answer.", is_required=True, choices=tuple(BY_METHOD))
    lines = "\n".join(f"* `{name}`: {endpoint.summary}" for name, endpoint in BY_METHOD.items())
    return Endpoint("/o", f"Reads, by `method`:\n{lines}", lambda _: None, parameters=(method, *parameters.values()))


def _operations(endpoint: Endpoint, name: str) -> dict[str, Any]:
    summary, _, more = endpoint.summary.partition("\n")
    parameters: list[dict[str, Any]] = [_parameter(parameter) for parameter in parameters_of(endpoint)]
    if "<in_path>" in endpoint.path:
        parameters.append({"name": "in_path", "in": "path", "required": True, "schema": {"type": "string"}})
    content: dict[str, Any] = {"schema": {}}
    if endpoint.example is not None:
        content["example"] = endpoint.example
    operation = {
        "summary": summary,
        "description": f"{more}\n\n{rights_in_words(endpoint)}".strip(),
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer.", "content": {"application/json": content}},
            **{str(status): _ERROR for status in (400, 401, 403, 404, 405, 413, 503)},
        },
    }
    return {
        "get": operation | {"operationId": name},
        "post": operation | {"operationId": f"{name}.post"},
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": schema,
    }
