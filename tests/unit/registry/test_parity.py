"""What counts as agreement between an estimator and its graph."""

import numpy as np
import pytest

from services.registry.parity import compare

ROWS = {"features": np.arange(6.0).reshape(3, 2)}


def classified(labels: list, table: list) -> dict:
    return {"prediction": np.array(labels), "probability": np.array(table)}


def numbers(values: list) -> dict:
    return {"prediction": np.array(values, dtype=float)}


def test_equal_outputs_agree() -> None:
    outputs = classified([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])

    found = compare(outputs, outputs, ROWS)

    assert found.holds
    assert (found.rows, found.largest_difference, found.ties) == (3, 0.0, 0)


def test_other_label_between_two_equal_probabilities_is_a_tie() -> None:
    expected = classified([0, 1, 1], [[0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    given = classified([1, 1, 1], [[0.499999, 0.500001], [0.2, 0.8], [0.4, 0.6]])

    found = compare(expected, given, ROWS)

    assert found.holds
    assert found.ties == 1


def test_other_label_with_a_clear_winner_fails_and_its_row_is_told() -> None:
    expected = classified([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    given = classified([0, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])

    found = compare(expected, given, ROWS)

    assert found.reason == "1 labels differ"
    assert [row["inputs"] for row in found.worst] == [{"features": [4.0, 5.0]}]


def test_probability_beyond_the_tolerance_fails() -> None:
    expected = classified([0], [[0.9, 0.1]])
    given = classified([0], [[0.89998, 0.10002]])

    found = compare(expected, given, {"features": ROWS["features"][:1]})

    assert found.reason == "1 rows of probabilities differ by more than 1e-05"
    assert found.largest_difference == pytest.approx(2e-5)


def test_label_without_probabilities_must_be_equal() -> None:
    expected, given = {"prediction": np.array(["a", "b"])}, {"prediction": np.array(["a", "c"], dtype=object)}

    assert not compare(expected, given, {"features": ROWS["features"][:2]}).holds


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ([100.0, 200.0, 0.0], True),
        ([100.009, 200.0, 0.0], True),
        ([100.02, 200.0, 0.0], False),
        ([100.0, 200.0, 0.009], True),
        ([100.0, 200.0, 0.02], False),
        ([100.0, 200.0, float("nan")], False),
    ],
)
def test_numbers_agree_relative_to_their_size_or_near_zero_to_the_median(given, holds) -> None:
    assert compare(numbers([100.0, 200.0, 0.0]), numbers(given), ROWS).holds is holds


def test_other_shape_fails() -> None:
    found = compare(numbers([1.0, 2.0]), numbers([[1.0], [2.0]]), {"features": ROWS["features"][:2]})

    assert found.reason == "prediction has the shape [2, 1] in the graph, and [2] was expected"


def test_missing_output_fails() -> None:
    expected = classified([0], [[1.0, 0.0]])

    found = compare(expected, {"prediction": expected["prediction"]}, {"features": ROWS["features"][:1]})

    assert found.reason == "the graph has no output probability"
