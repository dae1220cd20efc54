"""A request fits its model, or is refused by the name of the input."""

import numpy as np
import pytest

from services.core.errors import UnfitInput
from services.core.signature import Signature, TensorSpec
from tests.unit.parts import columns, matrix

BIG = 3.5e38


def features(*values: float, dtype: type = np.float64) -> dict[str, np.ndarray]:
    return {"features": np.array([values], dtype=dtype)}


def test_the_rows_of_a_fitting_request_are_counted():
    assert matrix(3).check({"features": np.zeros((7, 3))}) == 7


def test_a_model_without_a_batch_axis_has_one_row():
    signature = Signature((TensorSpec("x", "FP32", (4,)),), (), batched=False)

    assert signature.check({"x": np.zeros(4, dtype=np.float32)}) == 1


def test_an_unknown_input_is_named_and_so_are_the_known():
    with pytest.raises(UnfitInput, match="no input 'extra'; the model takes 'features'"):
        matrix(3).check({**features(1, 2, 3), "extra": np.zeros((1, 1))})


def test_a_missing_input_is_named():
    with pytest.raises(UnfitInput, match="'b' is missing; the model takes 'a', 'b'"):
        columns(a="FP64", b="FP64").check({"a": np.zeros((1, 1))})


def test_inputs_of_different_length_are_refused():
    with pytest.raises(UnfitInput, match="'b' has 2 rows, another input has 1"):
        columns(a="FP64", b="FP64").check({"a": np.zeros((1, 1)), "b": np.zeros((2, 1))})


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, object])
def test_another_datatype_is_refused(dtype):
    with pytest.raises(UnfitInput, match="the model takes FP64"):
        matrix(3).check(features(1, 2, 3, dtype=dtype))


@pytest.mark.parametrize("shape", [(1, 2), (1, 4), (3,), (1, 3, 1), ()])
def test_another_shape_is_refused(shape):
    with pytest.raises(UnfitInput, match=r"the model takes \[-1, 3\]"):
        matrix(3).check({"features": np.zeros(shape)})


def test_no_rows_are_refused():
    with pytest.raises(UnfitInput, match="is empty"):
        matrix(3).check({"features": np.zeros((0, 3))})


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_infinity_is_always_refused(value, missing, dtype):
    datatype = f"FP{np.dtype(dtype).itemsize * 8}"

    with pytest.raises(UnfitInput, match="Infinity"):
        matrix(3, datatype, missing=missing).check(features(1, np.nan if missing else 2, value, dtype=dtype))


def test_a_missing_value_is_refused_where_the_signature_does_not_allow_it():
    with pytest.raises(UnfitInput, match=r"lacks a value \(null or NaN\)"):
        matrix(3).check(features(1, np.nan, 3))


def test_a_missing_value_is_fine_where_the_signature_says_so():
    assert matrix(3, missing=True).check(features(1, np.nan, 3)) == 1
    assert matrix(3, missing=True).check(features(np.nan, np.nan, np.nan)) == 1


@pytest.mark.parametrize("value", [BIG, -BIG, 1e300])
@pytest.mark.parametrize("missing", [True, False])
def test_a_float64_beyond_the_models_float32_is_refused(value, missing):
    with pytest.raises(UnfitInput, match=r"beyond 3\.403e\+38"):
        matrix(3, float32=True, missing=missing).check(features(1, np.nan if missing else 2, value))


@pytest.mark.parametrize("value", [BIG, -1.7976931348623157e308, 1e160, 40_000.0])
def test_a_float64_is_fine_for_a_model_that_computes_in_float64(value):
    assert matrix(3).check(features(1, 2, value)) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_number_of_each_type_is_fine(dtype):
    largest, datatype = np.finfo(dtype).max, f"FP{np.dtype(dtype).itemsize * 8}"

    assert matrix(3, datatype).check(features(largest, -largest, 0, dtype=dtype)) == 1


def test_many_names_are_shortened_in_a_message():
    many = columns(**{f"c{number:02}": "FP64" for number in range(12)})

    with pytest.raises(UnfitInput, match="'c07' and 4 more"):
        many.check({"nothing": np.zeros((1, 1))})
