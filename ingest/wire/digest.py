"""The digest by which a retry of a request is known."""

from hashlib import blake2b
from typing import Final

import msgspec

from ingest.wire.clock import read_stamp
from ingest.wire.parameters import Parameters

DIGEST_BYTES: Final = 16
# A retry may say these anew: how many requests are still queued, and the checksum over that.
_CHANGING: Final = ("rr", "checksum", "checksum256")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def digest_of(parameters: Parameters) -> bytes | None:
    """Give 16 bytes that are equal for every retry of a request, in whatever order its parameters come.

    None without a usable `timestamp`: then two equal requests are two requests (IoT SDKs send such).
    """
    values = parameters.values
    if read_stamp(values.get("timestamp")) is None:
        return None
    lasting = {name: value for name, value in values.items() if name not in _CHANGING}
    digest = blake2b(_encode(lasting), digest_size=DIGEST_BYTES)
    for content in parameters.files:
        digest.update(content)
    return digest.digest()
