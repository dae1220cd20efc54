"""SIGTERM: readiness goes false, what was accepted is answered, then the process ends with exit code 0."""

import signal
import socket
import threading
from functools import partial

import httpx
import pytest

from tests.service.load import pooled, together
from tests.service.raw import post, read_all
from tests.service.server import HOST
from tests.service.shapes import answer_of, error_of
from tests.service.waiting import until

ROW = {"features": [1.0, 2.0, 3.0, 4.0]}
SOON_SECONDS = 10.0


def test_everything_accepted_under_load_is_answered(start):
    server = start("slow", max_batch_rows=1, max_queue_seconds=60, drain_wait_seconds=0.3)
    sent = threading.Event()

    def post(number):
        try:
            response = client.post("/predict", json={"features": [float(number), 0.0, 0.0, 4.0]})
        except httpx.ConnectError:
            return number, None  # not accepted: the listening socket is closed
        if number == 10:
            sent.set()
        return number, response

    with pooled(server.url) as client:
        stopper = threading.Thread(target=lambda: sent.wait(SOON_SECONDS) and server.terminate())
        stopper.start()
        answers = together([partial(post, number) for number in range(150)], clients=20)
        stopper.join()
    server.check_stopped()

    assert any(response is not None and response.status_code == 200 for _, response in answers)
    for number, response in answers:
        if response is None:
            continue
        if response.status_code == 503:
            error_of(response, 503)
            assert int(response.headers["retry-after"]) >= 1
        else:
            assert answer_of(response) == {"prediction": 4.0 + number}


def test_readiness_goes_false_first_and_requests_are_still_answered(start, iris):
    server = start(drain_wait_seconds=2)
    with server.client() as client:
        server.terminate()

        until(lambda: client.get("/v2/health/ready").status_code == 503, SOON_SECONDS, "readiness is false")

        assert answer_of(client.get("/v2/health/ready"), 503) == {"ready": False, "live": True}
        assert answer_of(client.get("/health"), 503) == {"status": "draining"}
        assert answer_of(client.get("/v2/health/live")) == {"live": True}
        answer = client.post("/predict", json={"features": iris.rows[0]})
        assert answer_of(answer)["prediction"] == iris.predictions[0]
    server.check_stopped()


def test_a_draining_server_closes_its_connections(start, iris):
    server = start(drain_wait_seconds=2)
    with server.client() as client:
        server.terminate()
        until(lambda: client.get("/v2/health/ready").status_code == 503, SOON_SECONDS, "readiness is false")

        answer = client.post("/predict", json={"features": iris.rows[0]})

        assert answer.headers["connection"] == "close"
    server.check_stopped()


def test_after_the_wait_a_draining_server_refuses_with_503_and_retry_after(start):
    server = start("slow", max_batch_rows=1, max_queue_seconds=60, drain_wait_seconds=0.2)
    refused = []

    def keep_busy():
        return busy.post("/predict/batch", json={"inputs": [[1.0, 2.0, 3.0, 4.0]] * 200})

    def ask():
        with server.client() as client:
            refused.append(client.post("/predict", json=ROW))
        return refused[-1].status_code == 503

    with pooled(server.url) as busy:
        answers = []
        worker = threading.Thread(target=lambda: answers.append(keep_busy()))
        worker.start()
        with server.client() as client:
            until(lambda: _in_flight(client), SOON_SECONDS, "the long request is in flight")
        server.terminate()
        until(ask, SOON_SECONDS, "a refusal")
        worker.join()
    server.check_stopped()

    error_of(refused[-1], 503)
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert len(answer_of(answers[0])["predictions"]) == 200


def test_a_server_with_nothing_to_do_ends_at_once(start):
    server = start()

    server.stop()

    assert [line["event"] for line in server.lines() if line["event"] == "draining"] == ["draining"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_end_it_in_order(start, number):
    server = start()

    server.process.send_signal(number)

    server.check_stopped()


def test_an_idle_connection_does_not_hold_up_the_end(start):
    server = start(drain_timeout_seconds=20)
    with server.client() as client:
        client.get("/health")

        server.stop()


@pytest.mark.engine("fastapi")  # elsewhere the process that listens ends last, so that nobody sees when workers do
def test_a_request_on_its_way_while_the_server_ends_is_refused_and_not_cut_off(start):
    server = start(drain_wait_seconds=0)
    with socket.create_connection((HOST, server.port), SOON_SECONDS) as connection:
        server.terminate()
        until(lambda: not _listens(server.port), SOON_SECONDS, "the listening socket is closed")

        connection.sendall(post("/predict", b'{"features":[1,2,3,4]}'))
        answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 503 "), answer
    assert b"\r\nretry-after: 1\r\n" in answer and b"\r\nconnection: close\r\n" in answer
    server.check_stopped()


def test_a_start_that_is_not_ready_yet_can_be_ended(start, tmp_path):
    server = start(model=str(tmp_path / "nothing"), wait="live")

    server.stop()


def test_a_second_start_works_on_the_same_port(start, iris):
    first = start()
    first.stop()

    second = start(port=first.port)

    with second.client() as client:
        assert answer_of(client.post("/predict", json={"features": iris.rows[0]}))


def _in_flight(client):
    line = next(line for line in client.get("/metrics").text.splitlines() if line.startswith("inference_requests_in_"))
    return float(line.rpartition(" ")[2]) > 0


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), SOON_SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True
