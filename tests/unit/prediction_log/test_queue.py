"""The bounded queue: oldest dropped first, every drop counted once."""

import time
from threading import Event, Thread

from services.prediction_log.queue import ENOUGH_ROWS, Record, Row, RowQueue
from tests.unit.prediction_log.parts import Counts, record

LONG_SECONDS = 30.0


def names(queue: RowQueue) -> list[str]:
    return [item.request_id if isinstance(item, Record) else str(item.values[0]) for item in queue.take(100)]  # type: ignore[union-attr]


def test_full_queue_drops_the_oldest(counts: Counts) -> None:
    queue = RowQueue(3, counts)

    for number in range(5):
        queue.put(record(str(number)))

    assert counts.rows_dropped == 2
    assert names(queue) == ["2", "3", "4"]


def test_rows_put_back_are_first_and_the_first_to_be_dropped(counts: Counts) -> None:
    queue = RowQueue(3, counts)
    queue.put(record("new"))

    queue.put_back([Row("predictions", (name,)) for name in ("old-1", "old-2", "old-3")])

    assert counts.rows_dropped == 1
    assert names(queue) == ["old-2", "old-3", "new"]


def test_closed_queue_drops_what_it_has_and_what_comes(counts: Counts) -> None:
    queue = RowQueue(3, counts)
    queue.put(record())

    queue.close()
    queue.put(record())
    queue.put_back([Row("predictions", ("late",))])

    assert counts.rows_dropped == 3
    assert names(queue) == []


def test_a_wait_ends_with_enough_rows(counts: Counts) -> None:
    queue, stopping = RowQueue(2 * ENOUGH_ROWS, counts), Event()
    waiting = Thread(target=queue.wait, args=(LONG_SECONDS, stopping))
    waiting.start()

    for _ in range(ENOUGH_ROWS - 1):
        queue.put(record())
    waiting.join(0.05)
    assert waiting.is_alive()
    queue.put(record())

    waiting.join(LONG_SECONDS / 2)
    assert not waiting.is_alive()
    queue.wait(LONG_SECONDS, stopping)  # they are still there: at once


def test_a_wait_with_few_rows_ends_in_its_time(counts: Counts) -> None:
    queue = RowQueue(3, counts)
    queue.put(record())

    started = time.monotonic()
    queue.wait(0.05, Event())

    assert 0.04 < time.monotonic() - started < LONG_SECONDS


def test_stopping_ends_a_wait_whether_it_has_begun_or_not(counts: Counts) -> None:
    queue, stopping = RowQueue(3, counts), Event()
    waiting = Thread(target=queue.wait, args=(LONG_SECONDS, stopping))
    waiting.start()

    stopping.set()
    queue.wake()

    waiting.join(LONG_SECONDS / 2)
    assert not waiting.is_alive()
    queue.wait(LONG_SECONDS, stopping)


def test_every_row_is_taken_or_dropped_while_threads_meet() -> None:
    counts, done, taken, rows = Counts(), Event(), 0, 30_000
    queue = RowQueue(5, counts)
    one = record()

    def put_all() -> None:
        for _ in range(rows):
            queue.put(one)
        done.set()

    thread = Thread(target=put_all)
    thread.start()
    while not done.is_set() or queue:
        taken += len(queue.take(7))
    thread.join()

    assert taken + counts.rows_dropped == rows
