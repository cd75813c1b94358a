"""Whether a request is of somebody whom a rule of the app hides: a bot, a colleague, a test device. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping

from ingest.wire.request import SdkRequest


def rule_that_hides(rules: Iterable[Mapping[str, str]], request: SdkRequest, *, user_agent: str, ip: str) -> str:
    """Return the first rule that knows the sender, in words, or nothing."""
    for rule in rules:
        kind, value = rule.get("kind", ""), rule.get("value", "")
        if value and _matches(kind, value, request, user_agent, ip):
            return f"{kind.replace('_', ' ')}: {value}"
    return ""


def _matches(kind: str, value: str, request: SdkRequest, user_agent: str, ip: str) -> bool:
    match kind:
        case "user_agent":
            return value.lower() in user_agent.lower()
        case "device_id":
            prefix = value.removesuffix("*")
            return request.device_id.startswith(prefix) if prefix != value else request.device_id == value
        case "ip_range":
            return _is_within(ip, value)
        case "property":
            return _has_property(request, value)
    return False


def _is_within(ip: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(ip) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _has_property(request: SdkRequest, value: str) -> bool:
    """Tell whether the request sets a detail or custom property, written name=value, to that value."""
    name, _, wanted = value.partition("=")
    details = request.details
    if details is None:
        return False
    said = {change.name: change.value for change in details.custom} | details.named
    held = said.get(name.strip())
    return held is not None and str(held).lower() == wanted.strip().lower()
