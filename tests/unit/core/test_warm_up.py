"""Warm-up proves that a model works and measures what it costs, before anyone is served."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from services.core import warm_up as module
from services.core.compiled_model import Manifest
from services.core.errors import LoadFailed
from services.core.signature import Signature, TensorSpec
from services.core.tensors import Tensors
from services.core.warm_up import RUNS, SHORT_RUNS, check_sample, sample_tensors, warm_up
from tests.unit.parts import EchoRuntime, matrix

MANIFEST = Manifest("m", "onnx", matrix(2), {"features": [[0.0, 1.0], [5.0, 6.0], [7.0, 8.0]]})


class Answering(EchoRuntime):
    """A model that answers what a function makes of the number of rows."""

    def __init__(self, answer: Callable[[int], Tensors]) -> None:
        super().__init__()
        self._answer = answer

    def predict(self, inputs: Tensors) -> Tensors:
        super().predict(inputs)
        return self._answer(len(inputs["features"]))


def test_batches_double_until_the_limit():
    measured = warm_up(EchoRuntime(), MANIFEST, 24)

    assert [rows for rows, _ in measured] == [1, 2, 4, 8, 16, 24]
    assert all(seconds > 0 for _, seconds in measured)


@pytest.mark.parametrize(("seconds", "runs"), [(0.1, RUNS), (0.0001, SHORT_RUNS)], ids=["long runs", "short runs"])
def test_each_size_runs_several_times_with_the_samples_rows(monkeypatch: pytest.MonkeyPatch, seconds, runs):
    times = (number * seconds for number in range(1000))
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(times))
    runtime = EchoRuntime()

    warm_up(runtime, MANIFEST, 4)

    assert runtime.runs == [[0.0]] * runs + [[0.0, 5.0]] * runs + [[0.0, 5.0, 7.0, 0.0]] * runs


def test_a_model_without_a_batch_axis_runs_its_sample_only():
    signature = Signature((TensorSpec("features", "FP64", (1, 2)),), (TensorSpec("prediction", "FP64", (1,)),), False)
    manifest = Manifest("m", "onnx", signature, {"features": [[1.0, 2.0]]})

    assert [rows for rows, _ in warm_up(EchoRuntime(), manifest, 256)] == [1]


def test_a_slow_model_is_not_tried_with_larger_batches(monkeypatch: pytest.MonkeyPatch):
    times = iter(range(100))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(times)))

    assert warm_up(EchoRuntime(), MANIFEST, 256) == [(1, 1.0)]


def test_a_run_that_fails_keeps_the_model_from_serving():
    with pytest.raises(LoadFailed, match="warm-up failed at 2 rows: this row fails"):
        warm_up(EchoRuntime(fails_on=5.0), MANIFEST, 4)


@pytest.mark.parametrize(
    "answer",
    [
        lambda rows: {"prediction": np.zeros(rows)},
        lambda rows: {"prediction": np.zeros(1), "probability": np.zeros((rows, 2))},
        lambda rows: {"prediction": np.zeros(()), "probability": np.zeros((rows, 2))},
        lambda rows: {"prediction": np.zeros((rows, 1)), "probability": np.zeros((rows, 2))},
        lambda rows: {"prediction": np.zeros(rows), "probability": np.zeros(2)},
        lambda _: {},
    ],
    ids=["no probability", "one row for all", "a scalar", "another axis", "no batch axis", "nothing"],
)
def test_an_answer_that_breaks_the_signature_keeps_the_model_from_serving(answer):
    with pytest.raises(LoadFailed, match=r"for the output '(prediction|probability)' of shape"):
        warm_up(Answering(answer), MANIFEST, 4)


def test_a_scalar_answer_of_a_batched_model_is_refused():
    signature = Signature(matrix(2).inputs, (TensorSpec("prediction", "FP64", ()),))

    with pytest.raises(LoadFailed, match=r"gave the shape \[\]"):
        warm_up(Answering(lambda _: {"prediction": np.zeros(())}), Manifest("m", "onnx", signature, MANIFEST.sample), 4)


def test_the_sample_has_the_signatures_types():
    signature = Signature(
        (TensorSpec("a", "FP32", (-1, 1), missing=True), TensorSpec("b", "BYTES", (-1, 1))), matrix().outputs
    )

    tensors = sample_tensors(Manifest("m", "onnx", signature, {"a": [[None], [1.5]], "b": [["x"], ["é"]]}))

    assert signature.check(tensors) == 2
    assert np.isnan(tensors["a"][0, 0])


@pytest.mark.parametrize("sample", [{}, {"features": []}, {"other": [[1, 2]]}])
def test_a_model_without_a_sample_is_refused(sample: dict[str, Any]):
    with pytest.raises(LoadFailed, match="no sample of its input 'features'"):
        sample_tensors(msgspec.structs.replace(MANIFEST, sample=sample))


@pytest.mark.parametrize("rows", [[[1, 2], [3]], [["x", 2]], [[10**400, 2]], [{}]])
def test_a_damaged_sample_is_refused(rows: list[Any]):
    with pytest.raises(LoadFailed, match="sample"):
        sample_tensors(msgspec.structs.replace(MANIFEST, sample={"features": rows}))


KNOWN = {"prediction": [0, 5, 7], "probability": [[0.0, 2.0], [10.0, 12.0], [14.0, 16.0]]}


def test_a_model_that_answers_its_sample_as_before_may_serve():
    check_sample(EchoRuntime(), msgspec.structs.replace(MANIFEST, answers=KNOWN), 1e-6)


@pytest.mark.parametrize(
    "other",
    [
        {"prediction": [0, 5, 8]},
        {"probability": [[0.0, 2.0], [10.0, 12.0], [14.0, 16.1]]},
        {"probability": [[0.0], [10.0], [14.0]]},
    ],
    ids=["label", "number", "shape"],
)
def test_a_model_that_answers_its_sample_otherwise_is_not_loaded(other):
    manifest = msgspec.structs.replace(MANIFEST, answers={**KNOWN, **other})

    with pytest.raises(LoadFailed, match=f"otherwise than when it was published, in '{next(iter(other))}'"):
        check_sample(EchoRuntime(), manifest, 1e-4)


@pytest.mark.parametrize(("answers", "tolerance"), [({}, 1e-4), ({**KNOWN, "prediction": [9, 9, 9]}, 0)])
def test_without_known_answers_or_a_tolerance_nothing_is_compared(answers, tolerance):
    check_sample(EchoRuntime(), msgspec.structs.replace(MANIFEST, answers=answers), tolerance)


def test_a_missing_answer_is_one_when_it_was_missing_before():
    known = {**KNOWN, "probability": [[None, 2.0], [10.0, 12.0], [14.0, 16.0]]}
    nan = np.array([[np.nan, 2.0], [10.0, 12.0], [14.0, 16.0]])
    runtime = Answering(lambda rows: {"prediction": np.array([0, 5, 7]), "probability": nan})

    check_sample(runtime, msgspec.structs.replace(MANIFEST, answers=known), 1e-6)
