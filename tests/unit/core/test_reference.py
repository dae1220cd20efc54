"""The reference: exact shares at its edges, bounded, and the same after it was written."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.core.columns import Column
from services.core.errors import TrivetError
from services.core.reference import (
    EDGES,
    MAX_CATEGORIES,
    MAX_COLUMNS,
    REFERENCE_FILE,
    Categories,
    Numbers,
    Reference,
    read,
    summarise,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def of_numbers(values):
    column = Column("x", "x", None, "numbers")
    return summarise((column,), {"x": np.asarray(values, dtype=np.float64)})["x"]


def of_labels(values):
    column = Column("x", "x", None, "categories")
    return summarise((column,), {"x": np.array(values, dtype=object)})["x"]


@given(
    arrays(np.float64, st.integers(0, 600), elements=st.one_of(FINITE, st.just(np.nan), st.sampled_from([0.0, 1.0])))
)
def test_shares_at_the_edges_are_exact(values):
    found = of_numbers(values)

    present = values[~np.isnan(values)]
    assert found.rows == len(values)
    assert len(found.edges) <= EDGES + 1
    assert list(found.edges) == sorted(set(found.edges))
    assert np.cumsum(found.counts).tolist() == [int((present <= edge).sum()) for edge in found.edges]
    assert sum(found.counts) == len(present)


def test_a_step_is_never_much_more_than_a_row_in_256():
    found = of_numbers(np.random.default_rng(0).normal(size=25_600))

    assert max(found.counts) <= 25_600 / (EDGES - 1) + 1


def test_of_few_values_each_has_an_edge_and_one_below_it():
    found = of_numbers([0] * 90 + [1] * 10)

    assert (len(found.edges), found.counts) == (4, (0, 90, 0, 10))


def test_labels_are_counted_and_missing_ones_apart():
    assert of_labels(["a", "b", None, "a"]) == Categories({"a": 2, "b": 1}, 1, 4)


def test_texts_of_many_values_are_not_kept():
    found = of_labels([str(number) for number in range(MAX_CATEGORIES + 1)])

    assert found == Categories(None, 0, MAX_CATEGORIES + 1)


def test_more_columns_than_a_reference_holds_are_refused():
    columns = tuple(Column(str(index), "x", index, "numbers") for index in range(MAX_COLUMNS + 1))

    with pytest.raises(TrivetError, match="at most 500"):
        summarise(columns, {"x": np.zeros((1, MAX_COLUMNS + 1))})


@given(st.lists(FINITE, max_size=40), st.lists(st.text(max_size=5), max_size=40))
def test_it_is_the_same_after_it_was_written(tmp_path_factory, numbers, labels):
    folder = tmp_path_factory.mktemp("compiled")
    known = Reference({"x": of_numbers(numbers)}, {"y": of_labels(labels)})

    (folder / REFERENCE_FILE).write_bytes(msgspec.json.encode(known))

    assert read(folder) == known
    assert isinstance(known.features["x"], Numbers)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"features":{"x":{"type":"other"}}}', b"\xff"])
def test_a_damaged_one_says_what_to_do(tmp_path, content):
    (tmp_path / REFERENCE_FILE).write_bytes(content)

    with pytest.raises(TrivetError, match="publish the model again"):
        read(tmp_path)


def test_without_a_file_there_is_none(tmp_path):
    assert read(tmp_path) is None
