"""From a record to a row: values, JSON, cap, redaction, and text that no database refuses."""

import json
import math
import time
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.core.settings import Settings
from services.core.tensors import Array
from services.prediction_log.payload import PIECE_ELEMENTS, Encoder, _least_bytes
from services.prediction_log.queue import Feedback
from services.prediction_log.record import Record
from services.prediction_log.rows import MAX_TEXT_CHARACTERS, converter
from services.prediction_log.tables import predictions
from tests.unit.prediction_log.parts import AT, record

COLUMNS = [column.name for column in predictions.columns]
UNLIMITED = Encoder(10**9, frozenset())

ARRAYS = st.sampled_from(["f2", "f4", "f8", "?", "i1", "u1", "i4", "i8", "u8"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
)
# Characters of every kind, lone surrogates among them.
STRINGS = hnp.arrays(object, hnp.array_shapes(max_dims=2, max_side=3), elements=st.text(st.characters(codec=None)))


def row(changed: Record | Feedback, **settings: object) -> dict[str, Any]:
    """Convert one record."""
    return dict(zip(COLUMNS, converter(Settings(**settings))(changed).values, strict=True))  # type: ignore[arg-type]


def expected(value: Any) -> Any:
    if isinstance(value, list):
        return [expected(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def test_row_has_every_value_of_its_record() -> None:
    values = row(record("r-1"))

    assert values.pop("id") is not None
    assert values == {
        "at": "2026-01-01 00:00:00.250000",
        "request_id": "r-1",
        "engine": "fastapi",
        "model": "iris-classifier",
        "version": "3",
        "digest": "d" * 64,
        "route": "/predict",
        "code": 200,
        "inputs": '{"features":[[5.1,3.5,1.4,0.2]]}',
        "outputs": '{"prediction":[2],"probability":[[0.43,0.57]]}',
        "queue_seconds": 0.001,
        "compute_seconds": 0.002,
        "duration_seconds": 0.004,
    }


def test_ids_sort_by_time() -> None:
    moments = [AT + 2 * step / 1000 for step in range(50)]  # an id knows milliseconds

    ids = [row(record(at=at))["id"] for at in moments]

    assert ids == sorted(ids)


@given(st.floats(0, 4e9))
def test_time_is_exact_to_the_microsecond(at: float) -> None:
    written = datetime.fromisoformat(row(record(at=at))["at"]).replace(tzinfo=UTC).timestamp()

    assert abs(written - at) < 2e-6


@given(ARRAYS)
def test_numbers_come_back_as_they_were(array: Array) -> None:
    for view in (array, array.T, array[::-1]):
        text = UNLIMITED.outputs({"x": view})

        assert text is not None
        if view.size:
            decoded = np.array(json.loads(text)["x"], view.dtype)  # null becomes NaN
            finite = np.where(np.isfinite(view), view, np.nan) if view.dtype.kind == "f" else view
            assert np.array_equal(decoded, finite, equal_nan=view.dtype.kind == "f")


@given(STRINGS)
def test_text_is_json_that_every_database_stores(array: Array) -> None:
    text = UNLIMITED.outputs({"x": array})

    assert text is not None
    assert text.encode().decode() == text
    decoded = json.loads(text)["x"]
    assert "\0" not in str(decoded)
    if all(value.isprintable() for value in array.flat):
        assert decoded == array.tolist()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_feedback_takes_any_json_value(truth: object) -> None:
    text = converter(Settings())(Feedback(AT, "r", {"y": truth})).values[3]

    assert isinstance(text, str)
    assert json.loads(text)["y"] == expected(truth) or "\0" in str(truth) or "\\x00" in repr(truth)


def test_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert UNLIMITED.value("\\u0000\0") == '"\\\\u0000\ufffd"'


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (1, -1), (3, -1), (-1, 3), (2, 3, -1), (2, -1, 3), (1, 1, -1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
def test_arrays_larger_than_a_piece_are_whole(shape: tuple[int, ...], dtype: type) -> None:
    large = np.arange(6 * (PIECE_ELEMENTS + 5)).astype(str if dtype is object else dtype).astype(dtype).reshape(shape)

    text = UNLIMITED.outputs({"x": large, "n": np.array(1.5), "t": large.T})

    assert text is not None
    assert json.loads(text) == {"x": large.tolist(), "n": 1.5, "t": large.T.tolist()}


@given(ARRAYS)
def test_the_least_that_an_array_may_take_is_no_more_than_it_takes(array: Array) -> None:
    text = UNLIMITED.outputs({"": array})

    assert text is not None
    assert _least_bytes({"": array}) <= len(text) - len('{"":}')


def test_the_shortest_numbers_take_the_least() -> None:
    ones = {name: np.ones((1000, 4), dtype) for name, dtype in (("f", np.float64), ("b", np.bool_), ("i", np.int8))}

    for name, array in ones.items():
        text = UNLIMITED.outputs({name: array})
        assert text is not None
        assert _least_bytes({name: array}) == len(text) - len('{"f":}')


def test_an_array_that_does_not_fit_is_converted_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"features": np.random.default_rng(1).random((1, 3000))}
    encoder = Encoder(16 * 1024, frozenset())
    dumps = Mock(side_effect=encoder._dumps)
    monkeypatch.setattr(encoder, "_dumps", dumps)

    assert encoder.inputs(wide) is None

    assert 0 < sum(np.size(call.args[0]) for call in dumps.call_args_list) < 1000 + PIECE_ELEMENTS


def test_payload_at_the_cap_is_kept_and_one_byte_more_is_left_out() -> None:
    size = len(row(record())["inputs"])

    assert row(record(), log_max_payload_bytes=size)["inputs"] is not None
    assert row(record(), log_max_payload_bytes=size - 1)["inputs"] is None


@pytest.mark.parametrize("strings", [["x" * 20_000], ["é" * 9_000], ["x"] * 6_000], ids=["long", "wide", "many"])
def test_strings_over_the_cap_are_left_out(strings: list[str]) -> None:
    assert row(record(inputs={"x": np.array(strings, dtype=object)}))["inputs"] is None


def test_large_request_is_left_out_without_being_converted() -> None:
    large = {"features": np.random.default_rng(1).random((100_000, 4))}
    capped, whole = Encoder(16 * 1024, frozenset()), UNLIMITED

    def seconds(encoder: Encoder) -> float:
        start = time.perf_counter()
        encoder.outputs(large)
        return time.perf_counter() - start

    assert min(seconds(capped) for _ in range(3)) < min(seconds(whole) for _ in range(2)) / 100


def test_no_payloads_leaves_both_out() -> None:
    values = row(record(), log_payloads="none")

    assert (values["inputs"], values["outputs"]) == (None, None)


def test_redacted_input_is_named_and_not_shown() -> None:
    inputs = {"age": np.array([[41.0]]), "name": np.array([["x" * 20_000]], dtype=object)}

    values = row(record(inputs=inputs), log_redact=("name", "prediction"))

    assert values["inputs"] == '{"age":[[41.0]],"name":"redacted"}'
    assert '"prediction":[2]' in values["outputs"]


def test_text_from_clients_is_cleaned_and_cut() -> None:
    values = row(record("a\0\ud800" + "b" * 5000, model="\0"))

    assert values["request_id"] == ("a\ufffd\ufffd" + "b" * 5000)[:MAX_TEXT_CHARACTERS]
    assert values["model"] == "\ufffd"


def test_truth_that_is_too_long_has_no_row() -> None:
    with pytest.raises(ValueError, match="where at most"):
        converter(Settings())(Feedback(AT, "r", "x" * 100_000))
