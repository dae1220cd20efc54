"""The policy on PromQL: it follows what is in flight, and holds when nobody says what that is."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from services.engines.ray.policy import InFlightPolicy
from tests.service.waiting import until

SOON_SECONDS = 10.0
NOW = SimpleNamespace(target_num_replicas=3)


@pytest.fixture
def prometheus():
    """A server with Prometheus's own form of an answer; `vector` is what the query finds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            result = [{"metric": {}, "value": [0, value]} for value in server.vector]
            body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            server.asked += 1

        do_POST = do_GET

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.vector, server.asked = [], 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _policy(server, target=4):
    return InFlightPolicy(target, prometheus_address=f"http://127.0.0.1:{server.server_port}")


@pytest.mark.parametrize(("in_flight", "wanted"), [("0", 1), ("4", 1), ("4.1", 2), ("40", 10)])
def test_each_replica_gets_at_most_its_target(prometheus, in_flight, wanted):
    prometheus.vector = [in_flight]
    policy = _policy(prometheus)

    assert until(lambda: policy(NOW)[0] == wanted, SOON_SECONDS, "the policy follows")


@pytest.mark.parametrize("vector", [[], ["NaN"], ["1", "2"]])
def test_without_one_number_the_replicas_stay(prometheus, vector):
    prometheus.vector = vector
    policy = _policy(prometheus)
    policy(NOW)
    until(lambda: prometheus.asked, SOON_SECONDS, "Prometheus was asked")

    assert policy(NOW) == (3, {})


def test_without_prometheus_the_replicas_stay():
    policy = InFlightPolicy(4, prometheus_address="http://127.0.0.1:9")

    assert policy(NOW) == (3, {})


def test_without_an_address_the_replicas_stay(monkeypatch):
    monkeypatch.delenv("RAY_PROMETHEUS_HOST", raising=False)

    assert InFlightPolicy(4)(NOW) == (3, {})


def test_what_prometheus_said_long_ago_does_not_count(prometheus):
    prometheus.vector = ["400"]
    policy = _policy(prometheus)
    until(lambda: policy(NOW)[0] == 100, SOON_SECONDS, "the policy follows")

    policy._cache.timestamp -= 3600

    assert policy(NOW) == (3, {})
