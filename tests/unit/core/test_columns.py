"""The columns of tensors: their names, which are categories, and their values."""

import numpy as np
import pytest

from services.core import columns
from services.core.signature import Signature, TensorSpec
from tests.unit.parts import matrix


def named(*specs, columns=None):
    return Signature(tuple(specs), tuple(specs), columns=columns)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ["features[0]", "features[1]", "features[2]"]),
        (("a", "b", "c"), ["a", "b", "c"]),
        (("a", "b", "a"), ["a[0]", "b", "a[2]"]),
        (("too", "few"), ["features[0]", "features[1]", "features[2]"]),
    ],
)
def test_columns_of_a_matrix_have_its_names_where_they_are_known(given, expected):
    signature = named(TensorSpec("features", "FP64", (-1, 3)), columns=given)

    assert [column.name for column in columns.features(signature)] == expected


def test_texts_and_booleans_are_categories():
    specs = [TensorSpec(kind.lower(), kind, (-1, 1)) for kind in ("BYTES", "BOOL", "INT64", "FP32")]

    assert [(column.name, column.kind) for column in columns.features(named(*specs))] == [
        ("bytes", "categories"),
        ("bool", "categories"),
        ("int64", "numbers"),
        ("fp32", "numbers"),
    ]


def test_tensors_of_other_shapes_have_no_columns():
    specs = [
        TensorSpec("image", "FP32", (-1, 8, 8)),
        TensorSpec("any", "FP32", (-1, -1)),
        TensorSpec("one", "FP32", (1,)),
    ]

    assert columns.features(named(*specs)) == ()


def test_a_label_is_a_category_and_of_two_probabilities_one_is_enough():
    classes = ("no", "yes")
    specs = (
        TensorSpec("prediction", "INT64", (-1,), classes=classes),
        TensorSpec("p", "FP32", (-1, 2), classes=classes),
    )

    assert [(column.name, column.kind) for column in columns.scores(named(*specs))] == [
        ("prediction", "categories"),
        ("p[yes]", "numbers"),
    ]


def test_values_are_floats_or_labels():
    signature = named(
        TensorSpec("x", "FP32", (-1, 1)), TensorSpec("b", "BOOL", (-1, 1)), TensorSpec("t", "BYTES", (-1, 1))
    )
    tensors = {
        "x": np.array([[0.5], [np.nan]], dtype=np.float32),
        "b": np.array([[True], [False]]),
        "t": np.array([["é"], ["x" * 1000]], dtype=object),
    }

    numbers, booleans, texts = [column.values(tensors) for column in columns.features(signature)]

    assert numbers.dtype == np.float64
    assert numbers[0] == 0.5 and np.isnan(numbers[1])
    assert booleans.tolist() == ["true", "false"]
    assert texts.tolist() == ["é", "x" * columns.LABEL_CHARACTERS]


@pytest.mark.parametrize(
    ("shape", "expected"), [((2, 3), True), ((0, 3), False), ((2, 4), False), ((6,), False), ((1, 2, 3), False)]
)
def test_a_tensor_fits_its_specification(shape, expected):
    assert columns.fits(matrix(3).inputs[0], np.zeros(shape)) is expected
