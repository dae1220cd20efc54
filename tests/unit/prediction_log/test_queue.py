"""The bounded queue: oldest dropped first, every drop counted once."""

from threading import Event, Thread

from services.prediction_log.queue import Record, Row, RowQueue
from tests.unit.prediction_log.parts import Counts, record


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
