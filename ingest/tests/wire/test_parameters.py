import pytest

from ingest.tests.wire.building import FORM, encode, multipart, raw
from ingest.wire.identity import peek
from ingest.wire.parameters import find_picture, query_of, read_parameters
from ingest.wire.refusal import Refusal
from ingest.wire.request import SdkRequest, parse

PNG = b"\x89PNG\r\n\x1a\n\x00rest"


def values(query: bytes = b"", body: bytes = b"", content_type: str = FORM) -> dict[str, object]:
    return dict(read_parameters(query, body, content_type).values)


@pytest.mark.rule("parameters.every_encoding")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"a+b", "a b"),
        (b"a%20b", "a b"),
        (b"a%2Bb", "a+b"),
        (b"%27%28%29%7E", "'()~"),
        (b"'()*!~", "'()*!~"),
        (b"a%2Db", "a-b"),
        (b"R%C4%ABga", "Rīga"),
        ("Rīga".encode(), "Rīga"),
        ("Rīga%20ū".encode(), "Rīga ū"),
        (b'{"_os":"Android"}', '{"_os":"Android"}'),
        (b'{"a":"b\\u0041"}', '{"a":"b\\u0041"}'),
        (b"%7B%22a%22%3A%22%5C%22%22%7D", '{"a":"\\""}'),
        (b"100%", "100%"),
        (b"%zz%41", "%zzA"),
        (b"%4", "%4"),
        (b"a\nb%41", "a\nbA"),
        (b"%00", "\0"),
        (b"%ff%41", "\N{REPLACEMENT CHARACTER}A"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"a=b", "a=b"),
        (b"", ""),
    ],
)
def test_every_sdks_way_of_encoding(written: bytes, meant: str) -> None:
    assert values(query=b"x=" + written) == {"x": meant}
    assert values(body=b"x=" + written) == {"x": meant}


@pytest.mark.rule("parameters.url_wins")
def test_url_wins_over_body() -> None:
    assert values(b"a=1&b=2", b"b=3&c=4") == {"a": "1", "b": "2", "c": "4"}
    assert values(b"a=1", b'{"a": 2, "b": 3}', "application/json") == {"a": "1", "b": 3}


@pytest.mark.rule("parameters.json_body")
def test_structured_values_of_a_json_body_stay_what_they_are() -> None:
    body = b'{"device_id": 42, "events": [{"key": "k"}], "nothing": null}'
    assert values(b"", body, "application/json; charset=utf-8") == {"device_id": 42, "events": [{"key": "k"}]}


@pytest.mark.parametrize("body", [b"[1]", b"null", b"{", b"", b"\xff", b'"a"', b"1", b"[" * 100_000])
def test_a_json_body_that_is_no_object_says_nothing(body: bytes) -> None:
    assert values(b"a=1", body, "application/json") == {"a": "1"}


@pytest.mark.rule("parameters.other_bodies_unread")
@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "image/png", "multipart/form-data"])
def test_a_body_of_another_type_is_not_read(content_type: str) -> None:
    assert values(b"a=1", b"b=2", content_type) == {"a": "1"}


@pytest.mark.rule("parameters.urlencoded")
@pytest.mark.parametrize("content_type", ["", FORM, f"{FORM}; charset=UTF-8", FORM.upper()])
def test_an_urlencoded_body_is_read(content_type: str) -> None:
    assert values(b"", b"b=2", content_type) == {"b": "2"}


@pytest.mark.rule("door.absolute_target")
@pytest.mark.parametrize(
    ("target", "query"),
    [
        (b"https://host/i?a=1", b"a=1"),
        (b"http://host:80/i", b""),
        (b"/i?a=1?2", b"a=1?2"),
        (b"?a=1", b"a=1"),
        (b"a=http://x/?b", b"a=http://x/?b"),
        (b"", b""),
    ],
)
def test_query_of_a_target_in_absolute_form(target: bytes, query: bytes) -> None:
    assert query_of(target) == query


@pytest.mark.rule("parameters.repeated")
def test_a_repeated_parameter_counts_as_not_sent() -> None:
    found = read_parameters(b"a=1&a=2&b=3", b"", "")
    assert found.values == {"b": "3"}
    assert found.repeated == 1
    assert values(b"a=1&a=2", b"a=3") == {}
    assert values(b"a=1", b"a=2&a=3&b=4") == {"a": "1", "b": "4"}


@pytest.mark.rule("parameters.key_operator")
@pytest.mark.parametrize("query", [b"app_key[$regex]=x", b"app_key%5B%24regex%5D=x", b"app_key=x&app_key=y"])
def test_an_app_key_that_is_no_text_is_an_unknown_one(query: bytes) -> None:
    identity = peek(query + b"&device_id=d", b"", "")
    assert identity.refusal is None
    assert identity.app_key == "[object Object]"


def test_a_repeated_device_id_is_missing() -> None:
    assert peek(b"app_key=a&device_id=d&device_id=e", b"", "").refusal is Refusal.MISSING_DEVICE_ID


@pytest.mark.rule("parameters.multipart")
def test_multipart_texts_and_the_first_picture() -> None:
    body, content_type = multipart(("file", b"no picture"), ("a", "1 + 1"), ("user_picture", PNG), ("b", ""))
    found = read_parameters(b"b=2", body, content_type)
    assert found.values == {"a": "1 + 1", "b": "2"}
    picture = find_picture(found.files, 100)
    assert picture is not None
    assert (picture.content, picture.media_type) == (PNG, "image/png")
    assert find_picture(found.files, 5) is None


def test_multipart_with_bare_newlines_and_a_quoted_boundary() -> None:
    body = b'--x y\nContent-Disposition: form-data; name="a"\n\n1\n--x y--\n'
    assert values(b"", body, 'multipart/form-data; boundary="x y"') == {"a": "1"}


def test_only_the_first_thousand_parameters_are_read() -> None:
    form = b"&".join(b"%d=x" % number for number in range(1002))
    body, content_type = multipart(*[(str(number), "x") for number in range(1002)])
    assert set(values(form)) == set(values(b"", form)) == {str(number) for number in range(1000)}
    assert set(values(b"", body, content_type)) == {str(number) for number in range(1000)}


def test_a_picture_may_end_in_a_newline() -> None:
    body, content_type = multipart(("file", PNG + b"\r\n"))
    assert read_parameters(b"", body, content_type).files == (PNG + b"\r\n",)


@pytest.mark.parametrize(
    "body",
    [b"", b"--XX", b"--XX--", b"--XX\r\n\r\n", b"--XX\r\nname=a", b"--XX\r\nContent-Disposition: x\r\n\r\n1\r\n--XX--"],
)
def test_broken_multipart_says_nothing(body: bytes) -> None:
    assert values(b"a=1", body, "multipart/form-data; boundary=XX") == {"a": "1"}


@pytest.mark.rule("details.web_upload")
def test_an_upload_of_the_web_sdk_is_decoded_once_more() -> None:
    body, content_type = multipart(
        ("app_key", "a"),
        ("device_id", "john%2Btest%40mail.com"),
        ("user_details", "%7B%22name%22%3A%22J%C4%81nis%22%7D"),
    )
    request = parse(raw(b"", body, content_type))
    assert isinstance(request, SdkRequest)
    assert request.device_id == "john+test@mail.com"
    assert request.details is not None
    assert request.details.named == {"name": "Jānis"}
    assert peek(b"", body, content_type).device_id == "john+test@mail.com"


def test_an_upload_that_is_not_encoded_stays_as_it_is() -> None:
    body, content_type = multipart(
        ("app_key", "a"), ("device_id", "john+test@mail.com&x 100%41"), ("metrics", '{"a":1}')
    )
    assert peek(b"", body, content_type).device_id == "john+test@mail.com&x 100%41"


def test_encoded_json_in_a_query_is_decoded_once_more() -> None:
    request = parse(raw(encode({"app_key": "a", "device_id": "d", "consent": "%7B%22push%22%3Atrue%7D"})))
    assert isinstance(request, SdkRequest)
    assert request.consent == {"push": True}
