"""The last answered requests: as many rows and bytes as allowed, the oldest go first."""

import numpy as np
import pytest

from services.core.recent import Recent
from tests.unit.parts import rows

# One row of three float64, and its prediction.
ROW_BYTES = 4 * 8


def keep(recent: Recent, *firsts: float) -> None:
    recent.keep(rows(*firsts), {"prediction": np.array(firsts)}, len(firsts))


def kept(recent: Recent) -> list[list[float]]:
    return [request.prediction.tolist() for request in recent.answered()]


def test_what_was_predicted_is_kept_with_what_was_asked():
    recent = Recent(4, 10_000)

    keep(recent, 1, 2)

    (request,) = recent.answered()
    assert request.inputs["features"][:, 0].tolist() == request.prediction.tolist() == [1, 2]
    assert request.rows == 2


@pytest.mark.parametrize(("max_rows", "max_bytes"), [(3, 10_000), (100, 3 * ROW_BYTES)], ids=["rows", "bytes"])
def test_the_oldest_requests_go_first(max_rows, max_bytes):
    recent = Recent(max_rows, max_bytes)

    for first in range(5):
        keep(recent, first)
    keep(recent, 7, 8)

    assert kept(recent) == [[4], [7, 8]]
    assert recent.rows == 3


@pytest.mark.parametrize(("max_rows", "max_bytes"), [(1, 10_000), (100, ROW_BYTES)], ids=["rows", "bytes"])
def test_a_request_over_a_bound_leaves_the_others(max_rows, max_bytes):
    recent = Recent(max_rows, max_bytes)
    keep(recent, 1)

    keep(recent, 2, 3)

    assert kept(recent) == [[1]]


def test_no_rows_keep_nothing():
    recent = Recent(0, 10_000)

    keep(recent, 1)

    assert recent.answered() == []


def test_the_first_output_of_a_model_of_others_is_its_prediction():
    recent = Recent(1, 10_000)

    recent.keep(rows(1), {"label": np.array([5]), "scores": np.array([[0.5]])}, 1)

    assert kept(recent) == [[5]]
