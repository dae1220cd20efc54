"""Replay against a real ONNX model: what is compared, what changed, and what could not be."""

import numpy as np
import pytest

from services.core.settings import Settings
from services.prediction_log import logged
from services.prediction_log.replay import text
from services.prediction_log.replay.run import FAILED, Replay
from services.runtimes import load
from tests.unit.onnx_models import scaler as make_scaler
from tests.unit.parts import EchoRuntime
from tests.unit.prediction_log.drift.rows import logged_row

TENTH = 0.1


@pytest.fixture
def runtime(scaler):
    opened = load(scaler, Settings())
    yield opened
    opened.close()


def answered(*rows, **changes):
    """A logged request of the scaler, answered as it does; `add` is added to each prediction."""
    features = np.array(rows, dtype=np.float64)
    outputs = {"prediction": features.sum(axis=1) + changes.pop("add", 0.0), "probability": features * 10}
    return logged_row(inputs={"features": features}, outputs=outputs, **changes)


def replayed(scaler, runtime, *pages, max_rows=256, worst=10):
    replay = Replay(scaler, runtime, max_rows, TENTH, worst)
    told = []
    replay.run(pages, lambda requests, rows: told.append((requests, rows)))
    return replay.report(more=False), told


def test_a_version_that_answers_the_same_changes_nothing(scaler, runtime):
    page = [answered([1, 2, 3]), answered([4, 5, 6], [7, 8, 9])]

    found, told = replayed(scaler, runtime, page, page)

    assert (found.requests, found.compared, found.rows, found.changed) == (4, 4, 6, 0)
    assert found.versions == {"3": 4}
    assert found.left_out == {} and found.worst == []
    assert {name: each.largest for name, each in found.differences.items()} == {"prediction": 0, "probability": 0}
    assert told == [(2, 3), (4, 6)]


def test_what_changed_is_counted_and_the_worst_rows_are_shown(scaler, runtime):
    page = [answered([1, 2, 3], add=0.1), answered([1, 1, 1], [2, 2, 2], add=5, request_id="far"), answered([1, 2, 3])]

    found, _ = replayed(scaler, runtime, page, worst=2)

    assert (found.rows, found.changed, found.changed_ratio) == (4, 2, 0.5)
    assert [(row.request_id, row.row, row.changed, row.old, row.new) for row in found.worst] == [
        ("far", 0, True, 8.0, 3.0),
        ("far", 1, True, 11.0, 6.0),
    ]
    assert found.differences["prediction"].largest == 5
    assert found.differences["prediction"].quantiles["p50"] == pytest.approx(5)


def test_another_model_differs_in_its_probabilities(scaler, runtime, tmp_path):
    with_other = load(make_scaler(tmp_path, factor=11.0), Settings())

    found, _ = replayed(scaler, with_other, [answered([1, 2, 3]), answered([1, 2, 4])])

    with_other.close()
    assert found.changed == 0
    assert found.differences["probability"].largest == 4
    assert [row.difference for row in found.worst] == [4, 3]


def test_what_cannot_be_compared_is_counted_by_reason(scaler, runtime):
    redacted = logged_row(inputs=None, outputs={"prediction": np.zeros(1)}, text='{"features":"redacted"}')
    page = [
        answered([1, 2, 3], code=429),
        answered([1, 2, 3], code=500),
        answered([1, 2]),
        answered([1, 2, np.nan]),
        redacted,
        logged_row(inputs=None, outputs=None),
        logged_row(inputs={"features": np.zeros((1, 3))}, outputs=None),
        logged_row(inputs={"features": np.zeros((1, 3))}, outputs={"label": np.zeros(1)}),
        logged_row(inputs={"features": np.zeros((2, 3))}, outputs={"prediction": np.zeros(1)}),
        answered([1, 2, 3]),
    ]

    found, _ = replayed(scaler, runtime, page)

    assert found.left_out == {
        logged.NOT_ANSWERED: 2,
        logged.UNFIT: 2,
        logged.OTHER_OUTPUTS: 2,
        logged.WITHHELD: 1,
        logged.NO_INPUTS: 1,
        logged.NO_OUTPUTS: 1,
    }
    assert found.compared + sum(found.left_out.values()) == found.requests
    assert found.rows == 1


def test_batches_are_as_large_as_allowed(scaler):
    runtime = EchoRuntime()
    page = [answered(*[[float(number), 0, 0]] * rows) for number, rows in enumerate((1, 2, 2, 5, 1))]

    replayed(scaler, runtime, page, max_rows=4)

    assert [len(run) for run in runtime.runs] == [3, 2, 5, 1]


def test_a_request_that_fails_does_not_take_others_with_it(scaler):
    runtime = EchoRuntime(fails_on=2.0)

    found, _ = replayed(scaler, runtime, [answered([float(first), 0, 0]) for first in range(4)])

    assert found.left_out == {FAILED: 1}
    assert (found.rows, found.compared) == (3, 3)


def test_it_reads_as_lines(scaler, runtime):
    page = [answered([1, 2, 3], add=5, request_id="\x1b[31mred"), answered([1, 2, 3], code=503)]
    found, _ = replayed(scaler, runtime, page)

    lines = text.lines(found, "scaler", 0.5)

    assert "compared  1 rows of 1 requests that these versions answered: 3 (1)" in lines
    assert "left out  1 refused or failed" in lines
    assert "CHANGED   1 rows, 100.000%; at most 50.000% may" in lines
    assert lines[-1].split()[1:] == ["0", "11.0", "6.0", "5"]
    assert "\x1b" not in "".join(lines)
