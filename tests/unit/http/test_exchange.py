"""What a request's headers say: its id, its content type, its deadline, where its JSON ends."""

import pytest

from services.core.errors import MalformedRequest
from services.core.settings import Settings
from services.http.errors import UnsupportedMedia
from services.http.exchange import Exchange
from services.http.handlers.infer import _json_bytes
from tests.unit.http.asgi import Body, scope


class Server:
    settings = Settings(request_timeout_seconds=10)

    def new_id(self) -> bytes:
        return b"made"


def exchange(**headers: str | bytes) -> Exchange:
    return Exchange(Server(), scope(**headers), Body())


@pytest.mark.parametrize("given", [b"1", b"a-B_c.9", b"x" * 128, b'"{}"'])
def test_a_request_id_is_echoed(given):
    assert exchange(x_request_id=given).request_id == given


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"with space", b"tab\t", b"\xff", b"new\nline", b"\x00"])
def test_a_request_id_that_would_harm_a_log_is_replaced(given):
    assert exchange(x_request_id=given).request_id == b"made"


def test_a_request_without_an_id_gets_one():
    assert exchange().request_id == b"made"


@pytest.mark.parametrize(
    "declared",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/json;",
        "application/vnd.any+json",
    ],
)
def test_json_by_any_name_is_read(declared):
    exchange(content_type=declared).check_json()


def test_no_content_type_is_json():
    exchange().check_json()


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "application/xml",
        "",
        "application/json; charset=latin-1",
        "text/json",
        "application/jsonl",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        b"\xff",
    ],
)
def test_another_content_type_is_not_served_and_is_named(declared):
    with pytest.raises(UnsupportedMedia, match="is not served; send application/json"):
        exchange(content_type=declared).check_json()


@pytest.mark.parametrize(("given", "seconds"), [("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001), (" 2 ", 2.0)])
def test_a_deadline_is_in_seconds(given, seconds):
    assert exchange(request_timeout=given).timeout_seconds() == seconds


def test_no_header_is_no_deadline():
    assert exchange().timeout_seconds() is None


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "-inf", "1e999", "soon", "", "1,5", "0x1", b"\xff"])
def test_a_deadline_that_is_no_number_above_0_is_malformed(given):
    with pytest.raises(MalformedRequest, match="Request-Timeout must be a number of seconds above 0"):
        exchange(request_timeout=given).timeout_seconds()


@pytest.mark.parametrize(
    ("header", "parameter", "shorter"),
    [(None, None, None), ("2", None, 2.0), (None, 3.0, 3.0), ("2", 3.0, 2.0), ("4", 3.0, 3.0)],
)
def test_the_shorter_of_two_deadlines_counts(header, parameter, shorter):
    headers = {} if header is None else {"request_timeout": header}

    assert exchange(**headers).timeout_seconds(parameter) == shorter


@pytest.mark.parametrize(("header", "parameter", "left"), [(None, None, 8.0), ("5", 60.0, 3.0), (None, 1.0, 0.0)])
def test_what_a_request_waited_for_its_model_is_taken_off(header, parameter, left):
    waited = exchange(**({} if header is None else {"request_timeout": header}))
    waited.waited_seconds = 2.0

    assert waited.timeout_seconds(parameter) == left


@pytest.mark.parametrize("given", ["0", "5", "00012", "9" * 18])
def test_the_length_of_the_json_part_is_a_whole_number(given):
    assert _json_bytes(exchange(inference_header_content_length=given)) == int(given)


@pytest.mark.parametrize("given", ["-1", "1.5", "", "five", "0x5", "1_000", "٣".encode(), "9" * 5000, "+5", " 5"])
def test_the_length_of_the_json_part_is_nothing_else(given):
    with pytest.raises(MalformedRequest, match="must be a whole number of bytes"):
        _json_bytes(exchange(inference_header_content_length=given))


@pytest.mark.parametrize("headers", [{}, {"content_type": "application/json"}])
def test_without_its_length_a_body_is_all_json(headers):
    assert _json_bytes(exchange(**headers)) is None


def test_a_binary_body_without_the_length_of_its_json_is_malformed():
    with pytest.raises(MalformedRequest, match="needs the header Inference-Header-Content-Length"):
        _json_bytes(exchange(content_type="application/octet-stream"))


def test_a_binary_body_of_another_type_is_not_served():
    with pytest.raises(UnsupportedMedia):
        _json_bytes(exchange(content_type="image/png", inference_header_content_length="5"))
