"""How a candidate's answers compare: rows that agree, changed or failed, and how far the scores are apart."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from services.core.agreement import Given, compare, score_differences
from tests.unit.parts import EchoRuntime, rows


def answered(*firsts: float, prediction: Any = None) -> Given:
    """Return a request that an EchoRuntime answered, or something else did."""
    inputs = rows(*firsts)
    outputs = EchoRuntime().predict(inputs)
    return Given(
        inputs, outputs if prediction is None else {**outputs, "prediction": np.array(prediction)}, len(firsts)
    )


def probability(*values: Any) -> dict[str, np.ndarray]:
    return {"prediction": np.zeros(len(values)), "probability": np.array(values)}


def test_the_same_answers_agree():
    compared = compare(EchoRuntime(), [answered(1, 2), answered(3)])

    assert compared[:3] == (3, 0, 0)
    assert compared.differences == (0, 0, 0)
    assert len(compared.seconds) == 1


def test_rows_with_another_answer_changed():
    assert compare(EchoRuntime(), [answered(1, 2), answered(3, prediction=[9.0])])[:3] == (2, 1, 0)


def test_a_failing_request_fails_alone():
    compared = compare(EchoRuntime(fails_on=2), [answered(1), answered(2, 5), answered(3)])

    assert compared[:3] == (2, 0, 2)
    assert isinstance(compared.error, ValueError)


def test_an_answer_of_another_shape_changed():
    assert compare(EchoRuntime(), [answered(1, 2, prediction=[[1.0, 1.0], [2.0, 2.0]])])[:3] == (0, 2, 0)


def test_an_answer_without_what_is_compared_fails():
    class Silent(EchoRuntime):
        def predict(self, inputs):
            return {}

    assert compare(Silent(), [answered(1)])[:3] == (0, 0, 1)


def test_of_probabilities_the_largest_difference_counts():
    before, after = probability([0.5, 0.5], [0.9, 0.1]), probability([0.25, 0.75], [0.9, 0.1])

    assert score_differences(before, after) == (0.25, 0)


def test_of_several_outputs_the_largest_difference_counts():
    before = {"prediction": np.zeros((1, 2)), "probability_0": np.array([[0.5]]), "probability_1": np.array([[0.5]])}

    assert score_differences(before, {**before, "probability_1": np.array([[0.75]])}) == (0.25,)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([2.0, 0.0], [6.0, 0.0], (0.5, 0)),
        ([1.0], [-1.0], (1,)),
        ([[1.0, 2.0]], [[1.0, 6.0]], (0.5,)),
        ([np.nan, np.nan], [np.nan, 1.0], (0, 1)),
        ([np.inf], [np.inf], (0,)),
        ([1.0], [[1.0, 2.0]], (1,)),
        ([1], [2], ()),
        (["a"], ["b"], ()),
    ],
)
def test_without_probabilities_numbers_are_scores(before, after, expected):
    given = {"prediction": np.array(before)}

    assert score_differences(given, {"prediction": np.array(after)}) == pytest.approx(expected)


def test_a_probability_that_is_missing_or_of_another_shape_is_as_far_as_can_be():
    before = probability([0.5, 0.5], [0.5, 0.5])

    assert score_differences(before, {"prediction": np.zeros(2)}) == (1, 1)
    assert score_differences(before, probability([1.0], [1.0])) == (1, 1)


FLOATS = arrays.arrays(np.float64, (4, 2))


@given(FLOATS, FLOATS, st.sampled_from(["prediction", "probability"]))
def test_a_difference_is_always_between_0_and_1(before, after, name):
    found = score_differences({name: before}, {name: after})

    assert len(found) == len(before)
    assert all(0 <= difference <= 1 for difference in found)
