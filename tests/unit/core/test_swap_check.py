"""What may take over: the same signature or a wider one, about as fast, about the same answers."""

from typing import Any

import msgspec
import numpy as np
import pytest

from services.core.cost import Cost
from services.core.errors import CheckFailed
from services.core.recent import Answered
from services.core.signature import Signature, TensorSpec
from services.core.swap_check import FEWEST_ROWS, UNNOTICED_SECONDS, check_answers, check_signature, check_speed
from services.core.tensors import Tensors
from tests.unit.parts import EchoRuntime, rows

SERVED = Signature(
    inputs=(TensorSpec("features", "FP64", (-1, 3), missing=True),),
    outputs=(
        TensorSpec("prediction", "INT64", (-1,), classes=(0, 1)),
        TensorSpec("probability", "FP32", (-1, 2), classes=(0, 1)),
    ),
    columns=("a", "b", "c"),
)


def with_input(**changes: Any) -> Signature:
    return msgspec.structs.replace(SERVED, inputs=(msgspec.structs.replace(SERVED.inputs[0], **changes),))


def with_output(**changes: Any) -> Signature:
    first, second = SERVED.outputs
    return msgspec.structs.replace(SERVED, outputs=(first, msgspec.structs.replace(second, **changes)))


def further(served: Signature) -> tuple[TensorSpec, ...]:
    return (*served.inputs, TensorSpec("more", "FP64", (-1, 1)))


@pytest.mark.parametrize(
    "new",
    [
        SERVED,
        with_input(shape=(-1, -1)),
        with_input(float32=True),
        msgspec.structs.replace(SERVED, outputs=(*SERVED.outputs, TensorSpec("why", "BYTES", (-1,)))),
        msgspec.structs.replace(SERVED, outputs=SERVED.outputs[::-1]),
    ],
    ids=["the same", "any width", "in single precision", "one more output", "another order"],
)
def test_what_serves_the_same_clients_is_compatible(new):
    check_signature(SERVED, new)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (with_input(name="x"), "does not take the input 'features'"),
        (msgspec.structs.replace(SERVED, inputs=further(SERVED)), "needs the input 'more'"),
        (with_input(shape=(-1, 4)), r"is FP64 \[-1, 4\], and clients send FP64 \[-1, 3\]"),
        (with_input(datatype="FP32"), "is FP32"),
        (with_input(missing=False), "takes no missing values"),
        (msgspec.structs.replace(SERVED, columns=("b", "a", "c")), "columns are 'b', 'a', 'c', and clients send 'a'"),
        (msgspec.structs.replace(SERVED, columns=None), "columns are not named"),
        (msgspec.structs.replace(SERVED, outputs=SERVED.outputs[:1]), "does not answer 'probability'"),
        (with_output(datatype="FP64"), "is FP64"),
        (with_output(shape=(-1, -1)), r"clients expect FP32 \[-1, 2\]"),
        (with_output(classes=(1, 0)), "classes of its 'probability' are 1, 0, and clients expect 0, 1"),
        (msgspec.structs.replace(SERVED, batched=False), "one request at a time"),
    ],
)
def test_what_would_break_a_client_is_refused_with_the_difference(new, reason):
    with pytest.raises(CheckFailed, match=reason):
        check_signature(SERVED, new)


def always(*measured: tuple[int, float]) -> Any:
    return lambda: measured


def test_a_version_may_be_slower_up_to_the_limit():
    served = Cost([(1, 0.001), (256, 0.01)])

    check_speed(served, always((1, 0.002), (256, 0.02)), 3)
    with pytest.raises(CheckFailed, match=r"4\.0 times as slow .* at most 3 times .*TRIVET_SWAP_MAX_SLOWDOWN"):
        check_speed(served, always((1, 0.004), (256, 0.04)), 3)


def test_the_served_version_is_as_slow_as_it_is_now():
    served = Cost([(1, 0.001), (256, 0.01)])
    served.drift = 4.0

    check_speed(served, always((1, 0.004), (256, 0.04)), 3)


def test_a_multiple_that_nobody_would_notice_is_no_reason():
    check_speed(Cost([(1, 1e-6), (2, 1e-6)]), always((1, UNNOTICED_SECONDS / 2), (2, UNNOTICED_SECONDS / 3)), 3)


def test_runs_that_a_busy_machine_held_up_are_measured_again():
    held_up = iter([((1, 0.9), (256, 0.01)), ((1, 0.001), (256, 0.9))])

    check_speed(Cost([(1, 0.001), (256, 0.01)]), lambda: next(held_up), 3)


class Shifted(EchoRuntime):
    """Predicts the first value of a row, plus `by` in every row that is among `at`."""

    def __init__(self, by: float = 0.0, at: Any = range(10**6), fails_on: float | None = None) -> None:
        super().__init__(fails_on=fails_on)
        self._by, self._at = by, set(at)

    def predict(self, inputs: Tensors) -> Tensors:
        outputs = super().predict(inputs)
        by = np.array([self._by if first in self._at else 0 for first in outputs["prediction"]])
        return {"prediction": (outputs["prediction"] + by).astype(outputs["prediction"].dtype)}


def asked(count: int, kind: Any = np.float64) -> list[Answered]:
    """One row a request, and its first value predicted."""
    return [Answered(rows(first), np.array([first], dtype=kind), 1) for first in range(1, count + 1)]


@pytest.mark.parametrize(("changed", "refused"), [(50, False), (51, True)])
def test_a_share_of_the_answers_may_change(changed, refused):
    runtime = Shifted(by=100, at=range(1, changed + 1))

    if refused:
        with pytest.raises(CheckFailed, match=r"51 of the last 100 rows otherwise, and at most 50% may"):
            check_answers(runtime, asked(100), 32, 0.5)
    else:
        assert check_answers(runtime, asked(100), 32, 0.5) == 100


def test_requests_are_replayed_in_batches():
    runtime = Shifted()

    check_answers(runtime, asked(100), 32, 0)

    assert [len(run) for run in runtime.runs] == [32, 32, 32, 4]


def test_requests_of_other_shapes_run_apart():
    wide = [Answered(rows(first, columns=5), np.array([first]), 1) for first in range(1, 21)]
    runtime = Shifted()

    assert check_answers(runtime, [*asked(20), *wide], 256, 0) == 40
    assert len(runtime.runs) == 2


def test_a_number_has_changed_when_it_differs_by_a_tenth():
    check_answers(Shifted(by=0.09 * 50), asked(100)[49:], 256, 0)
    with pytest.raises(CheckFailed):
        check_answers(Shifted(by=20), asked(100), 256, 0)


def test_a_label_has_changed_when_it_is_another():
    labels = [Answered(rows(first), np.array([str(first)], dtype=object), 1) for first in range(40)]

    class Labels(EchoRuntime):
        def predict(self, inputs: Tensors) -> Tensors:
            return {"prediction": np.array([str(int(first) // 2 * 2) for first in inputs["features"][:, 0]], object)}

    with pytest.raises(CheckFailed, match="20 of the last 40 rows"):
        check_answers(Labels(), labels, 256, 0.4)


def test_another_shape_of_answers_is_another_answer():
    class Wide(EchoRuntime):
        def predict(self, inputs: Tensors) -> Tensors:
            return {"prediction": np.zeros((len(inputs["features"]), 2))}

    with pytest.raises(CheckFailed, match="30 of the last 30 rows"):
        check_answers(Wide(), asked(30), 8, 0.9)


def test_a_version_that_fails_on_what_was_answered_is_refused():
    with pytest.raises(CheckFailed, match="fails on a request that the served version answered: this row fails"):
        check_answers(Shifted(fails_on=7), asked(30), 8, 0.9)


def test_a_number_that_became_none_has_changed():
    with pytest.raises(CheckFailed):
        check_answers(Shifted(by=float("nan")), asked(30), 8, 0.9)


def test_of_too_few_rows_nothing_is_concluded():
    assert check_answers(Shifted(by=100), asked(FEWEST_ROWS - 1), 256, 0) == 0
