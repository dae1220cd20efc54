"""Which outputs a request asks for, and in which form."""

import json
from typing import Any

import pytest

from services.core.contract import decode_infer
from services.core.errors import MalformedRequest
from tests.unit.parts import matrix

TENSOR = {"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}


def decoded(*tensors: dict[str, Any], **fields: Any) -> Any:
    return decode_infer(json.dumps({"inputs": tensors or [TENSOR], **fields}).encode(), None, matrix(3))


def test_every_output_is_answered_in_json_unless_asked_otherwise():
    assert decoded().outputs == (("prediction", False), ("probability", False))


def test_outputs_select_and_order():
    assert decoded(outputs=[{"name": "probability"}, {"name": "prediction"}]).outputs == (
        ("probability", False),
        ("prediction", False),
    )
    assert decoded(outputs=[{"name": "probability"}]).outputs == (("probability", False),)


@pytest.mark.parametrize("for_all", [True, False, None])
@pytest.mark.parametrize("for_one", [True, False, None])
def test_the_flag_of_one_output_wins_over_the_flag_of_all(for_all, for_one):
    parameters = {} if for_all is None else {"binary_data_output": for_all}
    own = {} if for_one is None else {"binary_data": for_one}

    request = decoded(parameters=parameters, outputs=[{"name": "prediction", "parameters": own}])

    assert request.outputs == (("prediction", bool(for_all) if for_one is None else for_one),)


@pytest.mark.parametrize("value", [1, 0, "true", 1.0])
def test_a_flag_that_is_no_bool_is_refused(value):
    with pytest.raises(MalformedRequest, match="true or false was expected"):
        decoded(parameters={"binary_data_output": value})
    with pytest.raises(MalformedRequest, match="true or false was expected"):
        decoded(outputs=[{"name": "prediction", "parameters": {"binary_data": value}}])


@pytest.mark.parametrize("outputs", [{}, [5], [{}], [{"name": None}], "prediction"])
def test_outputs_that_break_the_protocol_are_malformed(outputs):
    with pytest.raises(MalformedRequest):
        decoded(outputs=outputs)


def test_an_unknown_output_is_named_and_so_are_the_known():
    with pytest.raises(MalformedRequest, match="no output 'label'; the model gives 'prediction', 'probability'"):
        decoded(outputs=[{"name": "label"}])


def test_an_output_or_input_that_is_there_twice_is_refused():
    with pytest.raises(MalformedRequest, match="asked for twice"):
        decoded(outputs=[{"name": "prediction"}, {"name": "prediction"}])
    with pytest.raises(MalformedRequest, match="there twice"):
        decoded(TENSOR, TENSOR)
