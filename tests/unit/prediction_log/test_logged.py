"""Logged payloads: what was written comes back, and whatever else stands there is a reason and no crash."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.core.signature import TensorSpec
from services.prediction_log import logged
from services.prediction_log.logged import Unusable
from services.prediction_log.payload import Encoder

SPECS = (
    TensorSpec("x", "FP32", (-1, 2), missing=True),
    TensorSpec("word", "BYTES", (-1, 1)),
    TensorSpec("yes", "BOOL", (-1,)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("redacted"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "word", "yes", "z"]), inner),
    max_leaves=20,
)


def reason_of(text, specs=SPECS[:1]):
    with pytest.raises(Unusable) as raised:
        logged.inputs(text, specs)
    return raised.value.reason


@given(
    arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_infinity=False)),
    st.lists(st.text(), min_size=3, max_size=3),
)
def test_what_was_logged_comes_back(numbers, words):
    words = [word.encode(errors="replace").decode().replace("\0", "") for word in words]
    tensors = {"x": numbers, "word": np.array(words, dtype=object)[:, None], "yes": np.array([True, False, True])}

    found, redacted = logged.inputs(Encoder(10_000, frozenset()).inputs(tensors), SPECS)

    assert redacted == set()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_redacted_inputs_are_named_and_the_others_decoded():
    tensors = {
        "x": np.zeros((1, 2), np.float32),
        "word": np.array([["redacted"]], dtype=object),
        "yes": np.array([True]),
    }

    found, redacted = logged.inputs(Encoder(10_000, frozenset({"x"})).inputs(tensors), SPECS)

    assert (redacted, sorted(found)) == ({"x"}, ["word", "yes"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, logged.NO_INPUTS),
        ("", logged.UNREADABLE),
        ("[]", logged.UNREADABLE),
        ("[" * 100_000, logged.UNREADABLE),
        ("{}", logged.UNFIT),
        ('{"x":[[1,2]],"y":[1]}', logged.UNFIT),
        ('{"x":[[1,2,3]]}', logged.UNFIT),
        ('{"x":[[1,2],[3]]}', logged.UNFIT),
        ('{"x":[]}', logged.UNFIT),
        ('{"x":5}', logged.UNFIT),
        ('{"x":[["1","2"]]}', logged.UNFIT),
        ('{"x":[[1,1e39]]}', logged.UNFIT),
        ('{"x":[[1,%s]]}' % ("9" * 5000), logged.UNFIT),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_used_has_a_reason(text, reason):
    assert reason_of(text) == reason


def test_outputs_are_those_that_both_know():
    specs = (TensorSpec("prediction", "INT64", (-1,)), TensorSpec("more", "FP64", (-1,)))

    assert list(logged.outputs('{"prediction":[1],"other":[2]}', specs)) == ["prediction"]
    for text, reason in (('{"other":[2]}', logged.OTHER_OUTPUTS), ('{"prediction":["a"]}', logged.OTHER_OUTPUTS)):
        with pytest.raises(Unusable, match=reason):
            logged.outputs(text, specs)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_is_decoded_or_has_a_reason(text):
    try:
        found, redacted = logged.inputs(text, SPECS)
    except Unusable as error:
        assert error.reason in (logged.UNFIT, logged.UNREADABLE)
    else:
        assert found.keys() | redacted == {"x", "word", "yes"}
