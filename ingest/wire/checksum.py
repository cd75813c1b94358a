"""The checksum that an SDK signs its request with, when its app has a salt."""

import re
from hashlib import sha1, sha256
from hmac import compare_digest
from typing import Final

from ingest.wire.parameters import is_form, is_multipart, query_of, read_parameters, read_parts
from ingest.wire.values import as_text

# SDKs append the checksum last, but nothing says that they must.
_CHECKSUMS: Final = re.compile(rb"(?:^|&)checksum(?:256)?=[^&]*")
_CHECKSUM_NAMES: Final = (b"checksum", b"checksum256")


def has_valid_checksum(query: bytes, body: bytes, content_type: str, salt: str) -> bool:
    """Tell whether a request is signed with this salt.

    The hash is of the bytes as they were received, never decoded and encoded again: the query, or the urlencoded
    body, or the text parts of an upload as `name=value` in order of appearance. `checksum` (SHA-1) counts before
    `checksum256`; case does not matter, the Web SDK sends capitals. A request with neither is not signed.
    """
    values = read_parameters(query, body, content_type).values
    for name, algorithm in (("checksum", sha1), ("checksum256", sha256)):
        if name in values:
            claimed = as_text(values[name]).strip().lower().encode("utf-8", "replace")
            secret = salt.encode()
            # Every candidate is compared, so that the time taken tells nothing.
            matches = [
                compare_digest(algorithm(payload + secret).hexdigest().encode(), claimed)
                for payload in _payloads(query_of(query), body, content_type)
            ]
            return any(matches)
    return False


def _payloads(query: bytes, body: bytes, content_type: str) -> list[bytes]:
    signed = []
    if query:
        signed.append(query)
    if body and is_form(content_type):
        signed.append(body)
    if body and is_multipart(content_type):
        texts = [part for part in read_parts(body, content_type) if not part.is_file]
        signed.append(b"&".join([b"%b=%b" % (p.name, p.content) for p in texts if p.name not in _CHECKSUM_NAMES]))
    return [_CHECKSUMS.sub(b"", payload).removeprefix(b"&") for payload in signed]
