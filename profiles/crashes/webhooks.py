"""Posts to addresses that strangers chose: never into our own network, never where a redirect leads.

The name is resolved once, every address that it has must be a public one, and the connection goes to the very address
that was looked at, so that a name which changes its mind in between reaches nothing. Pure of framework and database.
"""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 10.0
LONGEST_ADDRESS: Final = 2000
SIGNATURE_HEADER: Final = "X-Signature"
_READ_OF_ANSWER: Final = 2000
_OK: Final = range(200, 300)


class WebhookError(Exception):
    """Why a post did not arrive; the message is for the person who set the address."""


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the signature: HMAC-SHA256, by the secret, of the time (seconds), a dot and the body."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def checked_address(text: str) -> str:
    """Return an address that can be posted to as it stands; raise WebhookError. Resolves nothing."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise WebhookError("That is not an address.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WebhookError("The address has to begin with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise WebhookError("The address must not hold a name or password.")
    if len(text) > LONGEST_ADDRESS or not text.isascii() or any(letter <= " " for letter in text):
        raise WebhookError("The address is too long, or holds letters that an address cannot have.")
    return text


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # What carries an IPv4 address inside is judged by that one.
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inside is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inside is not None:
            return inside.is_global and not inside.is_multicast
    return ip.is_global and not ip.is_multicast


def resolve(host: str, port: int, *, may_be_private: bool) -> str:
    """Return the IP address to connect to; raise WebhookError if any that the name has is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookError(f"The name {host} cannot be resolved.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise WebhookError(f"The name {host} has no address.")
    if not may_be_private and not all(map(is_public, addresses)):
        raise WebhookError(f"The name {host} leads into a private network.")
    return addresses[0]


class _Connection(http.client.HTTPConnection):
    """A connection to a given IP address, which asks for, and over TLS verifies, the name."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self._address = address
        self._tls = ssl.create_default_context() if is_secure else None
        if is_secure:
            self.default_port = 443

    def connect(self) -> None:
        """Connect to the address that was looked at, whatever the name says by now."""
        self.sock = socket.create_connection((self._address, self.port), SECONDS)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


def post(address: str, body: bytes, headers: dict[str, str], *, may_be_private: bool = False) -> int:
    """Post a body and return the status of the answer, 200 to 299. Raises WebhookError for everything else."""
    parts = urlsplit(checked_address(address))
    is_secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if is_secure else 80)
    ip = resolve(host, port, may_be_private=may_be_private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _Connection(host, port, ip, is_secure=is_secure)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_READ_OF_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WebhookError(f"{host} could not be reached: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status not in _OK:
        hint = ": redirects are not followed" if answer.status in range(300, 400) else ""
        raise WebhookError(f"{host} answered {answer.status}{hint}")
    return answer.status
