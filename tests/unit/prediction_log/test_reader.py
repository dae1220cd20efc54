"""Reading the log: pages, newest first, without a table made or a writer held up."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from services.core.errors import TrivetError
from services.prediction_log import reader as reader_module
from services.prediction_log.reader import Reader, Selection
from tests.unit.prediction_log.parts import AT, record


@pytest.fixture
def written(url, opened):
    """Write records and feedback, and return a reader of them, closed at the end."""
    readers = []

    def write(records, truths=()):
        log = opened()
        log.start()
        for one in records:
            log.put(one)
        for truth in truths:
            log.put_feedback(*truth)
        log.close(10)
        readers.append(Reader(url))
        return readers[-1]

    yield write
    for reader in readers:
        reader.close()


def ids(reader, **selection):
    pages = list(reader.pages(Selection("iris-classifier", **selection)))
    return [[row.request_id for row in page] for page in pages]


def test_pages_come_newest_first_and_are_bounded(written, monkeypatch):
    monkeypatch.setattr(reader_module, "PAGE_ROWS", 3)
    # Two at each moment: the id decides between them.
    reader = written(record(str(number), at=AT + number // 2) for number in range(8))

    pages = ids(reader)

    assert [len(page) for page in pages] == [3, 3, 2]
    found = [int(one) // 2 for page in pages for one in page]
    assert found == sorted(found, reverse=True)
    assert {one for page in pages for one in page} == {str(number) for number in range(8)}
    assert not reader.more


def test_the_limit_keeps_the_newest_and_says_that_there_are_more(written):
    reader = written(record(str(number), at=AT + number) for number in range(5))

    assert ids(reader, limit=2) == [["4", "3"]]
    assert reader.more


def test_a_window_and_a_model_are_kept_to(written):
    records = [record(str(number), at=AT + 60 * number) for number in range(5)]
    reader = written([*records, record("other", at=AT + 90, model="other")])
    start = datetime.fromtimestamp(AT, UTC)

    window = {"since": start + timedelta(minutes=1), "until": start + timedelta(minutes=3)}

    assert ids(reader, **window) == [["2", "1"]]
    assert not reader.more


def test_a_row_comes_as_it_was_written(written):
    (page,) = written([record("r-1", outputs=None)]).pages(Selection("iris-classifier"))

    (row,) = page
    assert row.at == datetime.fromtimestamp(AT, UTC)
    assert (row.request_id, row.version, row.digest, row.code) == ("r-1", "3", "d" * 64, 200)
    assert (row.inputs, row.outputs, row.compute_seconds) == ('{"features":[[5.1,3.5,1.4,0.2]]}', None, 0.002)


def test_the_last_truth_counts(written):
    reader = written([], [("a", 1), ("b", [1, None]), ("a", {"x": "é"})])

    assert reader.truths(["a", "b", "c"]) == {"a": '{"x":"é"}', "b": "[1,null]"}
    assert reader.truths([]) == {}


def test_a_writer_is_not_held_up_between_pages(written, url, opened, monkeypatch):
    monkeypatch.setattr(reader_module, "PAGE_ROWS", 1)
    pages = written([record("1"), record("2")]).pages(Selection("iris-classifier"))
    next(pages)

    with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0) as connection:
        connection.execute("DELETE FROM predictions")
    connection.close()

    assert list(pages) == []


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    reader = Reader(f"sqlite:///{tmp_path}/none.db")

    with pytest.raises(TrivetError, match=r"cannot be read from sqlite.*unable to open"):
        ids(reader)
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_the_log_says_so(tmp_path):
    sqlite3.connect(tmp_path / "other.db").close()

    with pytest.raises(TrivetError, match="no such table: predictions: a server makes it"):
        ids(Reader(f"sqlite:///{tmp_path}/other.db"))
