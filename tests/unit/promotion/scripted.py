"""Prometheus as a test wants it: each query is answered by what the script says of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import msgspec

Script = Callable[[str], float | None]


class Counters:
    """Stands in for Prometheus in one process. rows: of the shadow, by outcome; requests, errors: of the version."""

    def __init__(self) -> None:
        self.rows: dict[str, float] | None = {"agreed": 1000.0, "changed": 0.0, "failed": 0.0}
        self.requests: float | None = 1000.0
        self.errors = 0.0
        self.queries: list[str] = []

    def value(self, query: str) -> float | None:
        self.queries.append(query)
        if "inference_shadow_rows_total" in query:
            if self.rows is None:
                return None
            wanted = [outcome for outcome in self.rows if outcome in query.split("outcome")[1]]
            return sum(self.rows[outcome] for outcome in wanted)
        return self.errors if 'code=~"5.."' in query else self.requests


def answer(value: float | None) -> bytes:
    """Return what Prometheus answers to an instant query."""
    result = [] if value is None else [{"metric": {}, "value": [1.5, str(value)]}]
    return msgspec.json.encode({"status": "success", "data": {"resultType": "vector", "result": result}})


class Asked(BaseHTTPRequestHandler):
    """One request to a scripted server."""

    def do_POST(self) -> None:
        query = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())["query"][0]
        status, body = self.server.reply(query, self.path, dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(reply: Callable[[str, str, dict[str, str]], tuple[int, bytes]]) -> Iterator[str]:
    """Serve over HTTP, and give the address. reply: from query, path and headers to status and body."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.reply = reply  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
