"""The load generators count what happened to every request, against a scripted server."""

import socket

import pytest
from scripted_server import answer, body_of, echo, serving

from bench import closed_loop, open_loop
from bench.recording import NO_RETRY_AFTER, RIGHT, WRONG_ANSWER
from bench.workload import Workload, post
from services.load.record import LOST, NO_CONNECTION, TIMED_OUT, UNREADABLE, UNSENT

BODIES = [b"%d" % number for number in range(5)]


@pytest.fixture
def workload() -> Workload:
    """Five requests; a right answer holds the request's own body."""
    return Workload([post("/", body) for body in BODIES], BODIES, lambda _head, body: body)


def test_open_loop_sends_each_request_once_at_its_rate(workload):
    seen = []

    with serving(lambda request: seen.append(body_of(request)) or echo(request)) as port:
        recording = open_loop.run(port, workload, rate=200, seconds=0.25)

    assert recording.counts() == {RIGHT: 50}
    assert sorted(seen) == sorted(BODIES * 10)
    assert recording.summary().requests_per_second == 200


def test_open_loop_counts_latency_from_the_intended_time(workload):
    with serving(echo, stall_seconds=0.3) as port:
        recording = open_loop.run(port, workload, rate=100, seconds=0.25, connections=1)

    latencies = recording.latencies()
    assert len(latencies) == 25
    assert latencies[0] >= 0.3
    assert latencies[10] >= 0.19, "a request that was due during the stall waited for the rest of it"


def test_an_answer_for_another_request_is_wrong(workload):
    with serving(lambda _request: answer(b"0")) as port:
        recording = open_loop.run(port, workload, rate=200, seconds=0.25)

    assert recording.counts() == {RIGHT: 10, WRONG_ANSWER: 40}


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(b"{}", "500 Internal Server Error"), 500),
        (answer(b"{}", "429 Too Many Requests", "Retry-After: 1\r\n"), 429),
        (answer(b"{}", "429 Too Many Requests"), NO_RETRY_AFTER),
        (answer(b"{}", "503 Service Unavailable", "Retry-After: 0\r\n"), NO_RETRY_AFTER),
        (b"", LOST),
        (b"HTTP/1.1 200 OK\r\n\r\n", UNREADABLE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n00", UNREADABLE),
    ],
)
def test_every_request_has_an_outcome(workload, reply, outcome):
    with serving(lambda _request: reply) as port:
        recording = open_loop.run(port, workload, rate=100, seconds=0.1)

    assert recording.counts() == {outcome: 10}
    assert recording.summary().requests_per_second == 0


def test_a_closing_answer_counts_and_the_next_request_connects_again(workload):
    def respond(request: bytes) -> bytes:
        return answer(body_of(request), headers="Connection: close\r\n")

    with serving(respond) as port:
        recording = open_loop.run(port, workload, rate=100, seconds=0.1)

    assert recording.counts() == {RIGHT: 10}


def test_unanswered_requests_time_out_and_the_rest_are_not_sent(workload):
    with serving(echo, stall_seconds=1.0) as port:
        recording = open_loop.run(port, workload, rate=20, seconds=0.2, connections=1, timeout_seconds=0.1)

    assert recording.counts()[TIMED_OUT] == 1
    assert recording.counts()[UNSENT] >= 1
    assert sum(recording.counts().values()) == 4


def test_a_refused_connection_is_counted(workload):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert open_loop.run(port, workload, rate=100, seconds=0.1).counts() == {NO_CONNECTION: 10}
    assert set(closed_loop.run(port, workload, connections=2, seconds=0.1).counts()) == {NO_CONNECTION}


def test_an_answer_in_two_parts_is_read_whole(workload):
    large = [b"7" * 30_000]
    workload = Workload([post("/", b"x")], large, lambda _head, body: body)

    with serving(lambda _request: answer(large[0])) as port:
        recording = closed_loop.run(port, workload, connections=2, seconds=0.1)

    assert set(recording.counts()) == {RIGHT}


def test_closed_loop_keeps_every_connection_busy(workload):
    with serving(echo) as port:
        recording = closed_loop.run(port, workload, connections=4, seconds=0.2)

    assert set(recording.counts()) == {RIGHT}
    assert recording.summary().p99_ms >= recording.summary().p50_ms > 0
    assert 0 < recording.generator_cpu_ratio <= 1.1


def test_open_loop_refuses_an_unbounded_number_of_requests(workload):
    with pytest.raises(ValueError, match="from 1 to"):
        open_loop.run(1, workload, rate=1e6, seconds=3600)
