"""Between API Gateway and the library."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
import re
import zlib
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from hardlink import log
from hardlink.domain.errors import (
    Busy,
    Invalid,
    Refused,
    TooLarge,
    Unauthorized,
    UnreadableBody,
)
from hardlink.web import request
from hardlink.web.api_keys import ServerKeys
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer


def http_request(body: str | None = "{}", **event: Any) -> Request:
    return Request(
        {
            "routeKey": "POST /track",
            "requestContext": {"requestId": "r1"},
            "headers": {},
            "body": body,
            **event,
        }
    )


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
def test_a_body_is_json_whatever_its_content_type(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert http_request('{"a":1}', headers=headers).json == {"a": 1}


def test_a_body_that_api_gateway_encoded_is_decoded() -> None:
    encoded = base64.b64encode(b'{"a":1}').decode()
    assert http_request(encoded, isBase64Encoded=True).json == {"a": 1}


def test_a_zipped_body_is_unzipped() -> None:
    encoded = base64.b64encode(gzip.compress(b'{"a":1}', mtime=0)).decode()
    zipped = http_request(
        encoded, isBase64Encoded=True, headers={"content-encoding": "gzip"}
    )
    assert zipped.json == {"a": 1}


def test_a_zip_bomb_is_too_large() -> None:
    bomb = base64.b64encode(gzip.compress(b" " * 50_000_000, mtime=0)).decode()
    with pytest.raises(TooLarge):
        _ = http_request(
            bomb, isBase64Encoded=True, headers={"content-encoding": "gzip"}
        ).json


def test_a_body_above_5_mib_is_too_large() -> None:
    with pytest.raises(TooLarge, match="5242880 bytes"):
        _ = http_request('"' + "x" * 5_242_880 + '"').json


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{",
        "[object Object]",
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_what_is_no_json_is_a_clear_error(body: str | None) -> None:
    with pytest.raises(Invalid, match="the body is not valid JSON") as invalid:
        _ = http_request(body).json
    assert (invalid.value.status, invalid.value.code) == (400, "bad_json")


@pytest.mark.parametrize(
    ("body", "value", "left_out"),
    [
        ("NaN", None, ["not a finite number, left out"]),
        ('{"a": 1.5, "b": [1, 2e3]}', {"a": 1.5, "b": [1, 2000]}, []),
        ('{"a": 1, "b": NaN}', {"a": 1}, ["b"]),
        ('[1e999, 2, {"x": -Infinity}]', [None, 2, {}], ["[0]", "[2].x"]),
        (
            '{"events": [{"properties": {"price": Infinity, "lines": [1, NaN]}}]}',
            {"events": [{"properties": {"lines": [1, None]}}]},
            ["events[0].properties.price", "events[0].properties.lines[1]"],
        ),
        ('{"a\\nb": NaN}', {}, ["a\\u000ab"]),
    ],
)
def test_s3_a_number_that_is_not_finite_is_left_out_and_named(
    body: str, value: object, left_out: list[str]
) -> None:
    request = http_request(body)
    assert request.json == value
    assert all(one.reason.endswith("left out") for one in request.left_out)
    assert [one.field or one.reason for one in request.left_out] == left_out


def test_a_form_has_no_numbers_to_leave_out() -> None:
    assert list(http_request("a=1&b=NaN").left_out) == []


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_64_levels_are_taken_and_65_are_too_deep() -> None:
    assert http_request(nested(64)).json
    with pytest.raises(Invalid, match="deeper than 64 levels"):
        _ = http_request(nested(65)).json
    with pytest.raises(Invalid, match="deeper than 64 levels"):
        _ = http_request('{"a":' * 500 + "1" + "}" * 500).json


def test_many_shallow_lists_are_not_deep() -> None:
    assert http_request("[" + ",".join(["[]"] * 1000) + "]").json


def test_a_body_zipped_in_two_members_is_read_whole() -> None:
    two = gzip.compress(b'{"a":', mtime=0) + gzip.compress(b"1}")
    event = {"isBase64Encoded": True, "headers": {"content-encoding": "gzip"}}
    assert http_request(base64.b64encode(two).decode(), **event).json == {"a": 1}


def test_a_gzip_body_has_some_members_and_no_more() -> None:
    """Each member copies the bytes behind it: 4 MB of empty ones would take a minute."""
    assert request.decompress_gzip(gzip.compress(b"1", mtime=0) * 100) == b"1" * 100
    with pytest.raises(TooLarge, match="100 gzip members"):
        request.decompress_gzip(gzip.compress(b"1", mtime=0) * 101)


@pytest.mark.parametrize(
    "raw", [b"\xffno gzip at all", gzip.compress(b'{"a":1}', mtime=0)[:-9]]
)
def test_a_broken_zip_is_a_clear_error(raw: bytes) -> None:
    event = {"isBase64Encoded": True, "headers": {"content-encoding": "gzip"}}
    with pytest.raises(Invalid, match="gzip"):
        _ = http_request(base64.b64encode(raw).decode(), **event).json


def test_a_body_that_is_no_base64_is_a_clear_error() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        _ = http_request("é!", isBase64Encoded=True).json


def respond(error: Exception | None = None, **headers: str) -> dict[str, Any]:
    @entrypoint
    def handler(_request: Request) -> Answer:
        if error:
            raise error
        return Answer({"ok": True})

    return handler(http_request(headers=headers)._event, None)


def test_an_answer_is_json_and_can_be_quoted() -> None:
    answer = respond()
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"ok": True})
    assert answer["headers"]["x-request-id"] == "r1"


@pytest.mark.parametrize(
    ("error", "status"),
    [(Invalid("m", "f"), 400), (Refused("m", "f"), 409), (Busy("m", "f"), 503)],
)
def test_an_error_is_an_answer_with_code_message_and_field(
    error: Any, status: int
) -> None:
    answer = respond(error)
    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["error"] == {
        "code": error.code,
        "message": "m",
        "field": "f",
    }


def test_busy_says_when_to_come_again() -> None:
    assert respond(Busy("m"))["headers"]["retry-after"] == "1"


def test_a_fault_of_ours_is_told_by_its_kind_and_place_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    assert isinstance(log.logger.registered_handler, logging.StreamHandler)
    monkeypatch.setattr(log.logger.registered_handler, "stream", written)
    sent = "gordon"
    answer = respond(KeyError(sent))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (
        500,
        "internal",
    )
    failed = json.loads(written.getvalue())
    assert re.fullmatch(
        r"KeyError at .*test_request_and_response\.py:\d+", failed["why"]
    )
    assert (failed["message"], failed["level"]) == ("failed", "ERROR")
    assert failed["request_id"] == answer["headers"]["x-request-id"]
    assert sent not in json.dumps([answer, failed])


def test_p3_a_page_of_any_origin_reads_that_the_service_failed() -> None:
    answer = respond(KeyError("k"), origin="https://new-shop.example")
    origin = answer["headers"]["access-control-allow-origin"]
    assert (answer["statusCode"], origin) == (500, "https://new-shop.example")


def test_the_log_holds_nothing_that_a_caller_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = http_request(
        '{"secret":"gordon"}', headers={"authorization": "Bearer k"}
    )._event

    @entrypoint
    def handler(read: Request) -> Answer:
        return Answer({"read": read.json})

    handler(event, None)
    logged = capsys.readouterr().out
    assert "gordon" not in logged
    assert "Bearer" not in logged
    assert log.logger.service == "hardlink"


# -- server keys --------------------------------------------------------------------------------


class Vault:
    """Keys that are fetched, and how often."""

    def __init__(self) -> None:
        self.keys = {"shop": ["key-1"], "other": ["key-2"]}
        self.fetched = 0
        self.fails = False

    def __call__(self) -> dict[str, list[str]]:
        self.fetched += 1
        if self.fails:
            raise EndpointConnectionError(endpoint_url="it")
        return self.keys


def test_a_server_key_reads_its_own_project() -> None:
    keys = ServerKeys(Vault(), lambda: 0)
    assert keys.project("Bearer key-1") == "shop"
    assert keys.project("bearer key-2") == "other"


@pytest.mark.parametrize(
    "header", ["", "key-1", "Basic key-1", "Bearer", "Bearer  ", "Bearer demo"]
)
def test_anything_else_reads_nothing(header: str) -> None:
    with pytest.raises(Unauthorized):
        ServerKeys(Vault(), lambda: 0).project(header)


def test_keys_are_fetched_again_after_five_minutes() -> None:
    now, vault = [0], Vault()
    keys = ServerKeys(vault, lambda: now[0])
    keys.project("Bearer key-1")
    vault.keys = {"shop": ["key-3"]}
    assert keys.project("Bearer key-1") == "shop"
    now[0] = 5 * 60 * 1_000_000
    assert keys.project("Bearer key-3") == "shop"
    assert vault.fetched == 2


def test_a_key_that_was_rotated_a_moment_ago_is_valid() -> None:
    now, vault = [0], Vault()
    keys = ServerKeys(vault, lambda: now[0])
    keys.project("Bearer key-1")
    vault.keys = {"shop": ["key-3"]}
    now[0] = 10 * 1_000_000
    assert keys.project("Bearer key-3") == "shop"


def test_wrong_keys_do_not_fetch_each_time() -> None:
    vault = Vault()
    keys = ServerKeys(vault, lambda: 0)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            keys.project("Bearer wrong")
    assert vault.fetched == 1


def test_keys_outlast_a_moment_without_secrets_manager() -> None:
    now, vault = [0], Vault()
    keys = ServerKeys(vault, lambda: now[0])
    keys.project("Bearer key-1")
    now[0] = 5 * 60 * 1_000_000
    vault.fails = True
    assert keys.project("Bearer key-1") == "shop"


def test_without_any_keys_a_reader_is_told_to_come_again() -> None:
    vault = Vault()
    vault.fails = True
    with pytest.raises(Busy):
        ServerKeys(vault, lambda: 0).project("Bearer key-1")


def large(accepts: str | None) -> dict[str, Any]:
    @entrypoint
    def handler(_request: Request) -> Answer:
        return Answer({"text": "x" * 7_000_000})

    headers = {} if accepts is None else {"accept-encoding": accepts}
    return handler(http_request(headers=headers)._event, None)


def test_a_large_answer_is_zipped_for_whoever_takes_it() -> None:
    answer = large("gzip, br")
    assert answer["headers"]["content-encoding"] == "gzip"
    unzipped = gzip.decompress(base64.b64decode(answer["body"]))
    assert len(json.loads(unzipped)["text"]) == 7_000_000


def test_an_answer_that_lambda_could_not_give_is_a_clear_error() -> None:
    answer = large(None)
    assert answer["statusCode"] == 413
    assert "Accept-Encoding" in json.loads(answer["body"])["error"]["message"]


# -- encodings of a body -------------------------------------------------------------------------

PLAIN = b'{"a": "\xc3\xbc"}'
GZIPPED = gzip.compress(PLAIN, mtime=0)
DEFLATED = zlib.compress(PLAIN)
BARE = zlib.compressobj(wbits=-15)
DEFLATED_BARE = BARE.compress(PLAIN) + BARE.flush()
BROTLI = bytes.fromhex("0b0480") + PLAIN + b"\x03"
"""As the brotli tool writes this text: a small one is stored, not compressed."""


def encoded_request(raw: bytes, encoding: str | None) -> Request:
    headers = {} if encoding is None else {"content-encoding": encoding}
    body = base64.b64encode(raw).decode()
    return http_request(body, isBase64Encoded=True, headers=headers)


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        pytest.param(GZIPPED, None, id="gzip that no header names"),
        pytest.param(GZIPPED, "identity", id="gzip that a header denies"),
        pytest.param(GZIPPED, "deflate", id="gzip under another name"),
        pytest.param(GZIPPED, "x-gzip", id="the old name of gzip"),
        pytest.param(PLAIN, "gzip", id="text that a header calls gzip"),
        pytest.param(PLAIN, "deflate", id="text that a header calls deflate"),
        pytest.param(PLAIN, "br", id="text that a header calls brotli"),
        pytest.param(PLAIN, "UTF-8", id="a charset as encoding"),
        pytest.param(DEFLATED, "deflate", id="deflate"),
        pytest.param(DEFLATED, "Deflate ", id="deflate, spelt otherwise"),
        pytest.param(DEFLATED_BARE, "deflate", id="deflate without zlib's header"),
    ],
)
def test_p6_a_body_is_read_as_its_content_shows(
    raw: bytes, encoding: str | None
) -> None:
    assert encoded_request(raw, encoding).json == {"a": "\u00fc"}


@pytest.mark.parametrize(
    ("raw", "encoding", "message"),
    [
        (BROTLI, "br", "Content-Encoding 'br' cannot be read: send gzip"),
        (DEFLATED, "zstd", "Content-Encoding 'zstd' cannot be read"),
        (DEFLATED, "gzip", "not valid gzip, though its Content-Encoding is gzip"),
        (b"\xff\x00", "deflate", "not valid deflate, though"),
        (DEFLATED[:-6], "deflate", "not valid deflate, though"),
        (GZIPPED[:-6], None, "the gzip body is incomplete"),
        (b"\x1f\xef\xbf\xbd\x08", None, "send it with Content-Encoding: gzip"),
    ],
)
def test_p6_an_error_names_the_encoding(
    raw: bytes, encoding: str | None, message: str
) -> None:
    with pytest.raises(UnreadableBody, match=message) as error:
        _ = encoded_request(raw, encoding).json
    assert "utf-8" not in error.value.message.lower()


def test_p6_a_deflate_bomb_is_too_large() -> None:
    with pytest.raises(TooLarge):
        _ = encoded_request(zlib.compress(b" " * 50_000_000), "deflate").json
