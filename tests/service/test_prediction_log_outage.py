"""The prediction log's database is killed under load and comes back: no request notices, no row is lost sight of.

The log itself is tried in test_prediction_log_postgres.py; here it is the whole server, on every engine.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.service.metrics import value_of
from tests.service.postgres import PostgresServer
from tests.service.server import Server, Start
from tests.service.waiting import until
from tests.unit.prediction_log.parts import rows_of

pytestmark = pytest.mark.needs("initdb")

# Less than what is answered while the database is gone, so that some of it has to go.
QUEUE_ROWS = 200
SECONDS = 60


def test_every_answer_is_written_or_counted_though_the_database_is_killed(
    start: Start, postgres_server: PostgresServer
) -> None:
    url = postgres_server.new_database()
    server = start(database_url=url, log_queue_rows=QUEUE_ROWS, log_level="error")

    with asking(server) as statuses:
        until(lambda: rows(server, "written") > 50, SECONDS, "rows are written")
        postgres_server.stop()
        until(lambda: rows(server, "dropped") > QUEUE_ROWS, SECONDS, "rows are dropped")
        postgres_server.start()
        known = rows(server, "written")
        until(lambda: rows(server, "written") > known + QUEUE_ROWS, SECONDS, "rows are written again")
    asked = len(statuses)
    until(lambda: rows(server, "written") + rows(server, "dropped") == asked, SECONDS, "all rows are known")

    assert set(statuses) == {200}
    assert len(rows_of(url)) == rows(server, "written")


@contextmanager
def asking(server: Server, clients: int = 2) -> Iterator[list[int]]:
    """Ask without a pause while the block runs; yield the list that every status goes into."""
    statuses: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        with server.client() as client:
            while not ended.is_set():
                statuses.append(client.post("/predict", json={"features": [5.1, 3.5, 1.4, 0.2]}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def rows(server: Server, what: str) -> int:
    """Return how many rows the server says it has written, or dropped."""
    with server.client() as client:
        return int(value_of(client, f"inference_log_{what}_total"))
