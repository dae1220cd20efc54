"""Long arrays are taken out of a JSON text, and nothing is read differently for it."""

import json

import numpy as np
import pytest

from services.core import contract, long_arrays, predict_body
from services.core.errors import MalformedRequest, UnfitInput
from services.core.signature import Signature, TensorSpec

SIGNATURE = Signature((TensorSpec("features", "FP64", (-1, 4)),), (TensorSpec("prediction", "INT64", (-1,)),))
ROWS = np.round(np.random.default_rng(0).normal(size=(20_000, 4)), 3)


def v2(rows: list[list[float]], **more: object) -> dict[str, object]:
    tensor = {"name": "features", "shape": [len(rows), 4], "datatype": "FP64", "data": rows}
    return {"inputs": [tensor], **more}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n ", " : ")])
def test_only_a_token_is_left_of_a_long_array(separators: tuple[str, str]) -> None:
    text = json.dumps(v2(ROWS.tolist(), id="x"), separators=separators).encode()

    kept, taken = long_arrays.take_out(text, b'"data"')

    assert len(kept) < 300
    assert json.loads(kept)["inputs"][0]["data"] == "[0]"
    assert np.array_equal(json.loads(next(iter(taken.values()))), ROWS)


def test_a_short_text_stays_whole() -> None:
    text = json.dumps(v2(ROWS[:10].tolist())).encode()

    assert long_arrays.take_out(text, b'"data"') == (text, {})


@pytest.mark.parametrize("flat", [False, True])
def test_a_long_request_decodes_as_json_says(flat: bool) -> None:
    body = v2(ROWS.tolist(), id="x")
    if flat:
        body["inputs"][0]["data"] = ROWS.ravel().tolist()  # type: ignore[index]

    request = contract.decode_infer(json.dumps(body).encode(), None, SIGNATURE)

    assert request.id == "x"
    assert np.array_equal(request.tensors["features"], ROWS)


def test_a_long_batch_decodes_as_json_says() -> None:
    tensors = predict_body.decode_rows(json.dumps({"inputs": ROWS.tolist()}).encode(), SIGNATURE)

    assert np.array_equal(tensors["features"], ROWS)


def test_a_string_that_looks_like_an_array_is_still_a_string() -> None:
    looks = ":" + json.dumps(ROWS.tolist())

    request = contract.decode_infer(json.dumps(v2(ROWS[:2].tolist(), id=looks)).encode(), None, SIGNATURE)

    assert request.id == looks


@pytest.mark.parametrize("broken", [b",]", b"]", b"x]", b",,1]", b"[]]", b" 1]"])
def test_a_broken_end_of_a_long_array_is_malformed(broken: bytes) -> None:
    text = json.dumps(v2(ROWS.tolist())).encode()
    end = text.rindex(b"]]}")

    with pytest.raises(MalformedRequest):
        contract.decode_infer(
            text[: end + 1] + broken + text[end + 2 :] if broken != b"]" else text[:end], None, SIGNATURE
        )


def test_values_of_a_long_batch_that_do_not_fit_are_unfit() -> None:
    rows = ROWS.tolist()
    rows[-1] = rows[-1][:3]

    with pytest.raises(UnfitInput):
        predict_body.decode_rows(json.dumps({"inputs": rows}).encode(), SIGNATURE)
