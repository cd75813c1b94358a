"""The two names of an app user: the computed 128-bit key of the tables, and the short id of addresses.

Pure: nothing is looked up. A device id that belongs to somebody else's key is an `Identity` row, not a matter for here.
"""

import uuid
from hashlib import blake2b

# A shard is the unit that one worker holds. More shards than workers will ever be; few enough to list on a page.
SHARDS = 64

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # Countly's order
_VALUE_OF_DIGIT = {digit: value for value, digit in enumerate(_DIGITS)}
_LARGEST_UID_NUMBER = 2**63 - 1  # a bigint
_LONGEST_UID = 11  # digits of the largest number


def user_key(app_public_id: str, device_id: str) -> uuid.UUID:
    """Return the key of the user that a device id of an app stands for.

    The app's part is led by its length, so that no two pairs are hashed as the same text. Any text is taken, lone
    surrogates included.
    """
    pair = f"{len(app_public_id)}:{app_public_id}{device_id}".encode("utf-8", "surrogatepass")
    return uuid.UUID(bytes=blake2b(pair, digest_size=16).digest())


def shard_of(key: uuid.UUID) -> int:
    """Return the shard, 0 to SHARDS - 1, of a computed key."""
    return key.int % SHARDS


def uid(number: int) -> str:
    """Return the short id of an app's user number, counted from 1, in base 62."""
    if number < 1:
        raise ValueError(f"user numbers start at 1, not {number}")
    digits = []
    while number:
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def uid_number(text: str) -> int:
    """Return the user number of a short id; raise ValueError for any text that `uid` would not have made."""
    if not text or len(text) > _LONGEST_UID or text[0] == "0":
        raise ValueError("not a user id")
    number = 0
    for digit in text:
        value = _VALUE_OF_DIGIT.get(digit)
        if value is None:
            raise ValueError("not a user id")
        number = number * 62 + value
    if number > _LARGEST_UID_NUMBER:
        raise ValueError("not a user id")
    return number
