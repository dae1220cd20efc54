"""One JSON object a line, values in fields; and a request's line past `logging`."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from services.core import logs
from services.core.logs import JsonHandler, RequestLog, line_of


@pytest.fixture
def configured() -> Iterator[io.BytesIO]:
    """The process's logging, sent to a buffer and put back afterwards."""
    root, trivet = logging.getLogger(), logging.getLogger(logs.LOGGER)
    before = (root.handlers[:], root.level, trivet.level)
    stream = io.BytesIO()
    logs.configure("info", stream)
    yield stream
    root.handlers[:], root.level, trivet.level = before
    logging.root.manager._clear_cache()


def lines(stream: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(message: str = "event", *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("trivet.x", logging.INFO, "f.py", 1, message, arguments, None)
    made.created = 1_700_000_000.5
    vars(made).update(extra)
    return made


def test_a_line_holds_time_level_event_and_fields():
    line = line_of(record("model loaded", model="iris", rows=3, seconds=0.5))

    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "info",
        "event": "model loaded",
        "model": "iris",
        "rows": 3,
        "seconds": 0.5,
    }


def test_an_event_of_many_lines_stays_on_one():
    assert line_of(record('a "quoted"\nevent\u2028')).count(b"\n") == 1


def test_a_value_that_json_does_not_know_is_written_as_text():
    assert json.loads(line_of(record(path=io.StringIO, left={1})))["left"] == [1]
    assert "StringIO" in json.loads(line_of(record(path=io.StringIO)))["path"]


def test_an_error_brings_its_traceback(configured):
    try:
        raise ValueError("reason")
    except ValueError:
        logging.getLogger("trivet.x").exception("request failed")

    (line,) = lines(configured)
    assert line["level"] == "error"
    assert line["traceback"].startswith("Traceback (most recent call last)")
    assert line["traceback"].endswith("ValueError: reason\n")


def test_a_line_that_cannot_be_written_does_not_fail_the_request(configured, capsys):
    logging.getLogger("trivet.x").warning("half a character", extra={"text": "\ud800"})

    logging.getLogger("trivet.x").warning("next")

    assert [line["event"] for line in lines(configured)][-1] == "next"


def test_others_are_heard_from_warning_on(configured):
    logging.getLogger("somebody").info("chatter")
    logging.getLogger("somebody").warning("trouble")
    logging.getLogger("trivet.x").info("ours")
    logging.getLogger("trivet.x").debug("too much")

    assert [line["event"] for line in lines(configured)] == ["trouble", "ours"]


class Counting(io.BytesIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_only_warnings_are_flushed_at_once():
    stream = Counting()
    handler = JsonHandler(stream)

    handler.handle(record())
    assert stream.flushes == 0
    warning = record()
    warning.levelno = logging.WARNING
    handler.handle(warning)

    assert stream.flushes == 1


def test_a_closed_stream_is_not_flushed():
    stream = io.BytesIO()
    handler = JsonHandler(stream)
    stream.close()

    handler.flush()


def test_a_request_has_a_line_like_any_other(configured):
    RequestLog().write(1_700_000_000.0625, b"a-1", ("/predict", "iris", "3", ""), 200, 0.00123)

    assert lines(configured) == [
        {
            "time": "2023-11-14T22:13:20.062+00:00",
            "level": "info",
            "event": "request",
            "request_id": "a-1",
            "route": "/predict",
            "model": "iris",
            "version": "3",
            "status": 200,
            "duration_seconds": 0.00123,
        }
    ]


@pytest.mark.parametrize("request_id", ['"', "\\", '\\","level":"error', "{}~!"])
def test_no_request_id_breaks_out_of_its_field(configured, request_id):
    RequestLog().write(0.0, request_id.encode(), ("/predict", 'a "model"', "1", "alice"), 200, 1.0)

    (line,) = lines(configured)
    assert (line["request_id"], line["model"], line["caller"]) == (request_id, 'a "model"', "alice")
    assert line["level"] == "info"


def test_each_request_has_the_second_it_came_in(configured):
    log = RequestLog()

    for at in (1_700_000_000.9995, 1_700_000_001.0, 1_700_000_000.25):
        log.write(at, b"a", ("", "", "", ""), 200, 0.1)

    times = [line["time"][17:23] for line in lines(configured)]
    assert times == ["20.999", "21.000", "20.250"]


@pytest.mark.parametrize(("level", "enabled"), [("info", True), ("debug", True), ("warning", False), ("error", False)])
def test_requests_are_logged_from_level_info_on(configured, level, enabled):
    logs.configure(level, configured)

    assert RequestLog().enabled is enabled


def test_without_our_handler_requests_are_not_logged():
    log = RequestLog()

    log.write(0.0, b"a", ("", "", "", ""), 200, 0.1)

    assert not log.enabled
