"""An answer written whole is, byte by byte, the one that uvicorn's own `send` would have written."""

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from services.core.loaded_model import LoadedModel
from services.core.settings import Settings
from services.http.answer import WHOLE_ANSWER, Header
from services.http.app import Application
from services.http.protocol import bounded_protocol
from services.http.types import ASGIApp, Message, Receive, Scope, Send
from services.http.whole_answer import JOINED_BYTES
from tests.unit.parts import turn, until

ROW = b'{"features":[1.0,2.0,3.0]}'
REQUEST = b"POST /predict HTTP/1.1\r\nhost: here\r\nx-request-id: one\r\ncontent-length: %d\r\n%b\r\n"
GET = b"GET /v2/models/scaler HTTP/1.1\r\nhost: here\r\nx-request-id: one\r\n\r\n"
MANY_ROWS = b'{"inputs":[%b]}' % b",".join([b"[1.0,2.0,3.0]"] * 9000)
LABELS = {"engine": "fastapi", "model": "scaler"}


class Wire(asyncio.Transport):
    """A client's end of a connection: what was written to it, in how many pieces, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connected(NamedTuple):
    """A connection to an application on uvicorn's real protocol."""

    protocol: Any
    state: ServerState
    wire: Wire

    async def answered(self, answers: int = 1) -> Wire:
        """Return what was written once so many answers have come, or the connection is closed."""
        await until(lambda: self.state.total_requests >= answers or self.wire.closed)
        self.protocol.connection_lost(None)
        return self.wire


def connect(app: ASGIApp, *, access_log: bool = False) -> Connected:
    settings, state, wire = Settings(), ServerState(), Wire()
    state.default_headers = [(b"date", b"Mon, 30 Nov 2026 23:00:00 GMT")]
    config = uvicorn.Config(app, ws="none", access_log=access_log, log_config=None, http=bounded_protocol(settings))
    config.load()
    protocol_class: Any = config.http_protocol_class
    protocol = protocol_class(config=config, server_state=state, app_state={})
    protocol.connection_made(wire)
    return Connected(protocol, state, wire)


async def answered(app: ASGIApp, *data: bytes, answers: int = 1) -> Wire:
    """Send bytes on a connection of their own and return it once so many answers have come, or it is closed."""
    connected = connect(app)
    for piece in data:
        connected.protocol.data_received(piece)
    return await connected.answered(answers)


def watched(app: ASGIApp, seen: Callable[[Message], None]) -> ASGIApp:
    """Wrap an application in a middleware that looks at what is sent."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        async def looks(message: Message) -> None:
            seen(message)
            await send(message)

        await app(scope, receive, looks)

    return middleware


def request(*headers: bytes, body: bytes = ROW, line: bytes = b"") -> bytes:
    head = REQUEST % (len(body), b"".join(header + b"\r\n" for header in headers))
    return (head.replace(b"POST /predict HTTP/1.1", line) if line else head) + body


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        ((request(),), 1),
        ((request(body=b"{"),), 1),
        ((request(b"request-timeout: soon"),), 1),
        ((request(b"content-type: text/plain"),), 1),
        ((request(body=MANY_ROWS, line=b"POST /predict/batch HTTP/1.1"),), 1),
        ((request(line=b"POST /nothing HTTP/1.1"),), 1),
        ((request(b"expect: 100-continue")[: -len(ROW)], ROW), 1),
        ((GET,), 1),
        ((GET.replace(b"GET", b"HEAD"),), 1),
        ((request(b"connection: close"),), 1),
        ((request(line=b"POST /predict HTTP/1.0"),), 1),
        ((request() + request() + GET,), 3),
        ((request(), GET, request()), 3),
    ],
)
async def test_the_bytes_are_uvicorns_own(app: Application, data: tuple[bytes, ...], answers: int) -> None:
    seen: list[Message] = []
    whole = await answered(app, *data, answers=answers)
    through_send = await answered(watched(app, seen.append), *data, answers=answers)
    assert b"".join(whole.pieces) == b"".join(through_send.pieces)
    assert whole.closed == through_send.closed
    assert sum(message["type"] == "http.response.start" for message in seen) == answers


async def test_a_small_answer_is_one_piece(app: Application) -> None:
    (answer,) = (await answered(app, request())).pieces
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_large_body_is_not_copied_to_its_head(app: Application) -> None:
    head, body = (await answered(app, request(body=MANY_ROWS, line=b"POST /predict/batch HTTP/1.1"))).pieces
    assert head.startswith(b"HTTP/1.1 200 ")
    assert len(body) > JOINED_BYTES


async def test_a_client_that_reads_too_slowly_is_waited_for(app: Application) -> None:
    connected = connect(app)
    connected.protocol.pause_writing()
    connected.protocol.data_received(request())
    await ran(app)
    assert connected.wire.pieces == []

    connected.protocol.resume_writing()
    assert b"".join((await connected.answered()).pieces).startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_written_to_a_client_that_went_while_the_model_ran(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected, headers_of = connect(app), app.server.model_headers

    def headers_when_the_client_has_gone(model: LoadedModel) -> tuple[Header, ...]:
        connected.protocol.connection_lost(None)
        return headers_of(model)

    monkeypatch.setattr(app.server, "model_headers", headers_when_the_client_has_gone)
    connected.protocol.data_received(request())
    await ran(app)
    assert connected.wire.pieces == []


async def ran(app: Application) -> None:
    """Return when the model ran and its answer would have been sent."""
    await until(lambda: app.server.metrics.registry.get_sample_value("inference_batch_rows_count", LABELS))
    await turn()


async def test_an_access_log_still_has_its_line(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uvicorn.access")
    connected = connect(app, access_log=True)
    connected.protocol.data_received(request())
    await connected.answered()
    assert '"POST /predict HTTP/1.1" 200' in caplog.text


async def test_a_draining_server_closes(app: Application) -> None:
    app.server.health.status = "draining"
    wire = await answered(app, request())
    assert wire.closed
    assert b"connection: close\r\n" in wire.pieces[0]


async def test_a_header_with_a_line_of_its_own_is_not_sent(app: Application, caplog: Any) -> None:
    model = app.server.table.find_default()
    app.server.model_headers(model)
    app.server._headers[model.v2_head] = ((b"model-name", b"a\r\nset-cookie: b"),)
    wire = await answered(app, request())
    assert wire.closed
    assert wire.pieces == []
    assert "Invalid HTTP header value" in caplog.text


async def test_the_extension_is_offered_to_every_request() -> None:
    offered: list[bool] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        offered.append(callable(scope["extensions"][WHOLE_ANSWER]["write"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    await answered(app, GET + GET, answers=2)
    assert offered == [True, True]


async def test_an_answered_request_leaves_no_cycle_of_references(app: Application) -> None:
    await answered(app, request())
    gc.collect()
    gc.disable()
    try:
        before = living()
        await answered(app, *[request()] * 10, answers=10)
        assert living() - before <= 1
    finally:
        gc.enable()


def living() -> int:
    return sum(isinstance(thing, RequestResponseCycle) for thing in gc.get_objects())
