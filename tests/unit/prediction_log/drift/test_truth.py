"""Ground truth: the forms that it has, what it says over time, and what is no truth."""

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.signature import TensorSpec
from services.prediction_log.drift import truth
from services.prediction_log.drift.truth import BUCKETS, MAX_BUCKETS, Truths, Unfit, rows
from tests.unit.prediction_log.drift.rows import AT
from tests.unit.prediction_log.test_logged import JSON

INTEGERS, NUMBERS = TensorSpec("prediction", "INT64", (-1,)), TensorSpec("prediction", "FP64", (-1,))
TEXTS, BOOLEANS = TensorSpec("prediction", "BYTES", (-1,)), TensorSpec("prediction", "BOOL", (-1,))
PAIRS = TensorSpec("prediction", "FP64", (-1, 2))


@pytest.mark.parametrize(
    ("spec", "predicted", "told", "expected"),
    [
        (INTEGERS, [2], "1", [(2, 1)]),
        (INTEGERS, [2], "[1]", [(2, 1)]),
        (INTEGERS, [2], "1.0", [(2, 1)]),
        (INTEGERS, [2, 0], "[1,null]", [(2, 1), (0, None)]),
        (NUMBERS, [2.5], "2", [(2.5, 2.0)]),
        (TEXTS, ["a"], '"b"', [("a", "b")]),
        (TEXTS, ["a", "é"], '["b","é"]', [("a", "b"), ("é", "é")]),
        (BOOLEANS, [True], "false", [(True, False)]),
        (BOOLEANS, [True], "1", [(True, True)]),
        (PAIRS, [[1.0, 2.0]], "[1,2]", [([1.0, 2.0], [1.0, 2.0])]),
        (PAIRS, [[1.0, 2.0]], "[[3,4]]", [([1.0, 2.0], [3.0, 4.0])]),
        (PAIRS, [[1.0, 2.0], [3.0, 4.0]], "[[5,6],null]", [([1.0, 2.0], [5.0, 6.0]), ([3.0, 4.0], None)]),
    ],
)
def test_truth_has_the_form_of_its_prediction(spec, predicted, told, expected):
    assert rows(told, np.array(predicted, dtype=object if spec is TEXTS else None), spec) == expected


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        *(
            (INTEGERS, told)
            for told in ("1", "[1]", "[1,2,3]", '{"a":1}', '["a","b"]', "[1.5,2]", "[true,false]", "[1e300,1]")
        ),
        (NUMBERS, '["1","2"]'),
        (NUMBERS, "[%s,1]" % ("9" * 400)),
        (TEXTS, "[1,2]"),
        (BOOLEANS, "[2,0]"),
        (PAIRS, "[1,2]"),
        (PAIRS, "[[1],[2]]"),
        (NUMBERS, "[" * 100_000),
        (NUMBERS, ""),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else value.datatype,
)
def test_anything_else_is_unfit(spec, told):
    predicted = {"BYTES": np.array(["a", "b"], dtype=object), "BOOL": np.array([True, False])}.get(
        spec.datatype, np.ones(2)
    )
    predicted = np.ones((2, 2)) if spec is PAIRS else predicted

    with pytest.raises(Unfit):
        rows(told, predicted, spec)


@given(st.text() | JSON.map(json.dumps), st.sampled_from([INTEGERS, NUMBERS, TEXTS, BOOLEANS, PAIRS]))
def test_any_text_is_a_truth_or_unfit(told, spec):
    values = {"INT64": [1, 2], "FP64": [1.0, 2.0], "BYTES": ["a", "b"], "BOOL": [True, False]}[spec.datatype]
    predicted = np.array([[1.0, 2.0]] * 2 if spec is PAIRS else values, dtype=object if spec is TEXTS else None)

    try:
        found = rows(told, predicted, spec)
    except Unfit:
        return
    assert len(found) == 2


def test_labels_have_an_accuracy_over_time_and_the_worst_confusions():
    truths = Truths(INTEGERS)
    for number in range(120):
        truths.add(AT + timedelta(minutes=number), str(number), np.array([0]), "1" if number >= 60 else "0")

    found = truths.accuracy()

    assert (found.total.rows, found.total.accuracy) == (120, 0.5)
    assert found.seconds_a_bucket == 300
    assert len(found.buckets) == 24
    assert [bucket.accuracy for bucket in found.buckets] == [1.0] * 12 + [0.0] * 12
    assert [bucket.start for bucket in found.buckets][:2] == [AT, AT + timedelta(minutes=5)]
    assert [(pair.truth, pair.predicted, pair.rows) for pair in found.confusions] == [("1", "0", 60)]


def test_numbers_have_errors():
    truths = Truths(NUMBERS)
    truths.add(AT, "a", np.array([1.0, 2.0, 3.0]), "[1, 4, null]")
    truths.add(AT, "b", np.array([1.0]), "5")

    total = truths.accuracy().total

    assert total.rows == 3
    assert total.accuracy is None
    assert total.mean_absolute_error == pytest.approx((0 + 2 + 4) / 3)
    assert total.root_mean_square_error == pytest.approx(np.sqrt((0 + 4 + 16) / 3))


def test_what_could_not_be_used_is_counted():
    truths = Truths(INTEGERS)
    truths.add(AT, "a", np.array([1]), "1")
    truths.add(AT, "a", np.array([1]), "1")
    truths.add(AT, "b", np.array([1]), '"x"')
    truths.add(AT, "c", None, "1")
    truths.add(AT, "d", np.array([1]), "null")

    found = truths.accuracy()

    assert found.total.rows == 1
    assert found.left_out == {truth.REPEATED: 1, truth.UNFIT: 1, truth.UNANSWERED: 1, truth.UNKNOWN: 1}


def test_without_any_truth_there_is_no_accuracy():
    assert Truths(INTEGERS).accuracy() is None


@given(st.timedeltas(timedelta(0), timedelta(days=800)))
def test_there_are_never_too_many_buckets(span):
    truths = Truths(INTEGERS)
    for number, at in enumerate((AT, AT + span)):
        truths.add(at, str(number), np.array([0]), "0")

    width = timedelta(seconds=truths.accuracy().seconds_a_bucket)

    assert width in BUCKETS
    assert span / width <= MAX_BUCKETS
