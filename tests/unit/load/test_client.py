"""The client: what becomes of every request, on real sockets."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from services.load import open_loop
from services.load.client import Client
from services.load.connection import locate
from services.load.http1 import Unreadable, parse, request, size_of
from services.load.record import LOST, NO_CONNECTION, UNREADABLE, UNSENT, Recording
from services.load.requests import Requests
from tests.tools import find_tool
from tests.unit.bench.scripted_server import answer, body_of, serving

HOST = "127.0.0.1"
SECONDS = 10.0


def post(body: bytes) -> bytes:
    return request("POST", "/", HOST, {}, body)


def send(port, *bodies, tls=None, connections=4):
    """Send each body once and return the outcomes in the order of their ends."""
    recording = Recording(seconds=1.0)
    address = locate(HOST, port, tls=tls)
    client = Client(address, Requests("", tuple(post(body) for body in bodies)), connections, recording)
    with client.measuring():
        open_loop.run(client, [0.01 * at for at in range(len(bodies))], recording, timeout_seconds=SECONDS)
    assert not client.busy
    return recording.outcome.tolist()


@pytest.mark.parametrize("size", [0, 1, 8192, 100_000, 5_000_000])
def test_bodies_of_any_size_go_out_whole_and_come_back_whole(size):
    whole = post(b"7" * size)

    def serve(connection):
        with connection:
            received = b""
            while len(received) < len(whole):
                part = connection.recv(65536)
                if not part:
                    return
                received += part
            seen.append(received)
            connection.sendall(answer(body_of(received)))

    seen = []
    with listening(serve) as port:
        assert send(port, b"7" * size) == [200]
    assert seen == [whole]


def test_an_answer_in_chunks_an_empty_one_and_one_that_closes_are_answers():
    answers = iter(
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            answer(b"x", headers="Connection: close\r\n"),
            answer(b"y", "503 Service Unavailable"),
        ]
    )
    with serving(lambda _request: next(answers)) as port:
        assert send(port, b"1", b"2", b"3", b"4", connections=1) == [200, 204, 200, 503]


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [(b"", LOST), (b"HTTP/1.0 200 OK\r\n\r\n", UNREADABLE), (answer(b"1") + b"more", UNREADABLE),
     (b"HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n", UNREADABLE)],
)  # fmt: skip
def test_what_is_no_answer_has_a_name(reply, outcome):
    with serving(lambda _request: reply) as port:
        assert send(port, b"1") == [outcome]


def test_a_connection_that_the_server_closes_while_idle_loses_nothing():
    served = []

    def serve(connection):
        with connection:  # one answer for each connection, without saying so
            if received := connection.recv(65536):
                served.append(received)
            connection.sendall(answer(b""))

    with listening(serve) as port:
        recording = Recording(seconds=1.0)
        client = Client(locate(HOST, port), Requests("", (post(b"1"),)), 1, recording)
        with client.measuring():
            open_loop.run(client, [0.0, 0.3, 0.6], recording, timeout_seconds=SECONDS)

    assert recording.counts() == {200: 3}
    assert len(served) == 3


def test_a_request_that_waited_for_a_connection_has_as_long_as_any_other():
    def serve(connection):
        opened.append(connection)
        with connection:
            while connection.recv(65536):
                time.sleep(0.3)
                connection.sendall(answer(b""))

    opened = []
    with listening(serve) as port:
        recording = Recording(seconds=1.0)
        client = Client(locate(HOST, port), Requests("", (post(b"1"),)), 1, recording)
        with client.measuring():
            open_loop.run(client, [0.0] * 20, recording, timeout_seconds=0.5)

    assert recording.counts() == {200: 2, UNSENT: 18}, "the second is answered after 0.6 s, sent after 0.3 s"
    assert len(opened) == 2, "one is of locate, which asks whether anything listens"


def test_a_server_that_went_away_is_no_connection():
    with serving(lambda _request: answer(b"")) as port:
        address = locate(HOST, port)
    recording = Recording(seconds=1.0)
    client = Client(address, Requests("", (post(b"1"),)), 1, recording)

    with client.measuring():
        open_loop.run(client, [0.0, 0.1], recording, timeout_seconds=SECONDS)

    assert recording.counts() == {NO_CONNECTION: 2}


def test_nothing_listening_is_said_before_the_load():
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        locate(HOST, port)


@pytest.mark.needs("openssl")
def test_tls_is_spoken_with_a_server_that_is_trusted(tmp_path):
    trusted, untrusted = _certified(tmp_path / "a"), _certified(tmp_path / "b")
    context = ssl.create_default_context(cafile=str(trusted / "cert.pem"))
    large = b"7" * 300_000

    with listening(_echo_over_tls(trusted)) as port:
        assert send(port, b"1", large, b"3", tls=context, connections=1) == [200, 200, 200]
    with listening(_echo_over_tls(untrusted)) as port:
        assert send(port, b"1", tls=context) == [NO_CONNECTION]


def test_a_whole_answer_is_known_by_its_size():
    whole = answer(b"12345")

    assert size_of(whole[:10]) == 0
    assert size_of(whole[:-3]) == len(whole)
    assert all(parse(whole[:end]) is None for end in range(len(whole)))
    with pytest.raises(Unreadable):
        parse(whole + b"6")


@pytest.mark.parametrize(("path", "headers"), [("/a b", {}), ("/\r\nX: y", {}), ("/", {"X": "1\r\nY: 2"})])
def test_a_request_has_one_line_for_each_thing(path, headers):
    with pytest.raises(ValueError, match="one line each"):
        request("GET", path, HOST, headers)


@contextmanager
def listening(serve):
    """Call serve(connection) in a thread for each connection, until the end of the block."""
    listener = socket.create_server((HOST, 0))

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _quietly(serve, connection):
    try:
        serve(connection)
    except OSError:  # the client left: it may, and `locate` always does
        connection.close()


def _certified(folder):
    folder.mkdir()
    command = [find_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "1", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:{HOST}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return folder


def _echo_over_tls(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def serve(plain):
        with context.wrap_socket(plain, server_side=True) as connection:
            while received := connection.recv(65536):
                while len(received) < _length(received):
                    received += connection.recv(65536)
                connection.sendall(answer(body_of(received)))

    return serve


def _length(received):
    return size_of(received) or len(received) + 1
