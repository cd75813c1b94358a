"""What of a message stays when everything that differs is taken out, and that no text makes it slow."""

import time

import pytest
from hypothesis import given, settings, strategies as st

from profiles.crashes.fingerprint import CrashFacts, fingerprint
from profiles.crashes.messages import mask, normalise, normalise_javascript


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("User 42 of ann@shop.example", "User 42 of …"),
        ("see https://a.example/x?y=1 now", "see … now"),
        ("no such file: '/data/user/0/com.shop/files/a.db'", "no such file: '…'"),
        (r"cannot open C:\Users\ann\shop.db", "cannot open …"),
        ("id 5b0e2c1a-3f6d-4e1b-9b7a-0c2d3e4f5a6b", "id …"),
        ("View@1a2b3c4 and 0x7fff5fbff8c0", "View@… and …"),
        ("from 10.0.2.15:8080", "from …"),
        ("since 2026-11-23T20:59:01.5Z", "since …"),
        ("a/b or c", "a/b or c"),
        ("Index: 7, Size: 3", "Index: 7, Size: 3"),
    ],
)
def test_it_masks(message: str, masked: str) -> None:
    assert mask(message) == masked


def test_it_takes_numbers_and_payloads_out() -> None:
    assert normalise('item12 of 3, {"a": 1}, -4.5 and 1,000') == normalise('item7 of 9, {"b": 2}, 8 and 5')


@pytest.mark.parametrize(
    "messages",
    [
        (
            "Cannot read properties of undefined (reading 'x')",
            "Cannot read property 'x' of undefined",
            "undefined is not an object (evaluating 'a.b.x')",
            'can\'t access property "x", a.b is undefined',
        ),
        ("a.pay is not a function", "t.e.pay is not a function. (In 't.e.pay()', 't.e.pay' is undefined)"),
        ("cart is not defined", "Can't find variable: cart"),
    ],
)
def test_browsers_say_the_same(messages: tuple[str, ...]) -> None:
    assert len({normalise_javascript(message) for message in messages}) == 1


@given(st.text(max_size=400), st.text(max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_fingerprint(error: str, name: str, is_javascript: bool) -> None:
    print_ = fingerprint(CrashFacts(platform="x", error=error, name=name, is_javascript=is_javascript))
    assert len(print_.digest) == 40
    assert print_.title
    assert "\n" not in print_.title


@pytest.mark.parametrize(
    "piece", ["a", "at a.", "(", "a@", "/a", "#0 ", "0x", "[as ", "{", ":", " ", "1", "a: ", "operator("]
)
def test_no_text_makes_it_slow(piece: str) -> None:
    line = (piece * 600)[:600]
    started = time.perf_counter()
    fingerprint(CrashFacts(platform="x", error="\n".join([line] * 500)))
    assert time.perf_counter() - started < 2
