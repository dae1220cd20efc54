"""`/predict` and `/predict/batch`."""

import json
from typing import Any

from services.client.datatypes import FLOATS
from services.client.inputs import flat, nest
from services.conformance.check import Inapplicable, check
from services.conformance.expect import contract_answer, contract_error, expect
from services.conformance.http import JSON, Reply
from services.conformance.target import Target
from services.conformance.tensors import Output, alike

ONE, BATCH = "/predict", "/predict/batch"
SOURCE = "Trivet contract, HTTP"
DEEP = 100_000


@check(SOURCE, "trivet")
def one_row_gets_what_v2_gives(target: Target) -> None:
    """`/predict` answers `prediction` and, for a classifier, `probability`, with the values of V2."""
    _need_rows(target)
    for row in range(min(3, target.inputs.row_count)):
        wanted = target.outputs(row)
        reply = target.post(ONE, {"features": _row(target, row)})
        answer = contract_answer(reply)
        expect(list(answer) == _fields(wanted, "prediction", "probability"), "the fields of its kind of model", reply)
        expect(alike(flat(answer["prediction"]), wanted["prediction"].data), "the prediction of V2", reply)
        expect(alike(flat(answer.get("probability", [])), _probabilities(wanted)), "the probability of V2", reply)


@check(SOURCE, "trivet")
def a_batch_answers_every_row_in_order(target: Target) -> None:
    """`/predict/batch` answers `predictions` and, for a classifier, `probabilities`, row by row as V2 does."""
    _need_rows(target)
    rows = range(target.inputs.row_count)
    wanted = target.outputs(*rows)
    reply = target.post(BATCH, {"inputs": [_row(target, row) for row in rows]})
    answer = contract_answer(reply)
    expect(list(answer) == _fields(wanted, "predictions", "probabilities"), "the fields of its kind of model", reply)
    expect(len(answer["predictions"]) == len(rows), "a prediction for every row", reply)
    expect(alike(flat(answer["predictions"]), wanted["prediction"].data), "the predictions of V2", reply)
    if "probability" in wanted:
        expect(alike(flat(answer["probabilities"]), _probabilities(wanted)), "the probabilities of V2", reply)


@check("Trivet contract, Rules", "trivet")
def answers_name_the_model_in_headers(target: Target) -> None:
    """The headers Model-Name, Model-Version and Model-Digest say what answered."""
    _need_rows(target)
    wanted = (target.model, target.metadata["versions"][0], target.metadata["properties"]["model_digest"])
    for path, body in ((ONE, {"features": _row(target, 0)}), (BATCH, {"inputs": [_row(target, 0)]})):
        reply = target.post(path, body)
        contract_answer(reply)
        found = tuple(reply.headers.get(f"model-{field}") for field in ("name", "version", "digest"))
        expect(found == wanted, f"Model-Name, Model-Version, Model-Digest: {wanted}", reply)


@check("Trivet contract, Rules", "trivet")
def json_may_go_undeclared(target: Target) -> None:
    """A body without Content-Type is JSON; every spelling of JSON's type is taken."""
    _need_rows(target)
    body = json.dumps({"features": _row(target, 0)}).encode()
    wanted = contract_answer(_post(target, ONE, body))
    for declared in ("", "application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"):
        reply = target.http.send("POST", ONE, body, {"content-type": declared} if declared else {})
        expect(contract_answer(reply) == wanted, "the usual answer", reply)


@check("Trivet contract, HTTP", "trivet")
def columns_come_in_any_order(target: Target) -> None:
    """Named columns may come in any order."""
    row = _named(target)
    wanted = contract_answer(target.post(ONE, {"features": row}))
    reply = target.post(ONE, {"features": dict(reversed(row.items()))})
    expect(contract_answer(reply) == wanted, "the answer to the usual order", reply)


@check("Trivet contract, HTTP statuses", "trivet")
def columns_that_do_not_fit_answer_422(target: Target) -> None:
    """An unknown column, a missing one, and a row without names answer 422; the error names the column."""
    row = _named(target)
    name = next(iter(row))
    lacking = {column: value for column, value in row.items() if column != name}
    for wrong, said in ((row | {"no_such_column": 1}, "no_such_column"), (lacking, name), (list(row.values()), name)):
        reply = target.post(ONE, {"features": wrong})
        expect(said in contract_error(reply, 422), f"an error that names {said}", reply)


@check("Trivet contract, HTTP statuses", "trivet")
def rows_that_do_not_fit_answer_422(target: Target) -> None:
    """Well-formed JSON that does not fit the model answers 422 on `/predict`."""
    _need_rows(target)
    row = _row(target, 0)
    wrong: list[Any] = [[], {}, None, 7, "1,2", [row], [None] * 2000]
    if isinstance(row, list):
        wrong += [[*row, row[0]], row[:-1], ["one", *row[1:]], [True, *row[1:]], [[row[0]], *row[1:]]]
    for features in wrong:
        contract_error(target.post(ONE, {"features": features}), 422)
    bodies: tuple[Any, ...] = ({}, [], "text", 7, None, {"inputs": [row]})
    for body in bodies:
        contract_error(target.post(ONE, body), 422)


@check("Trivet contract, HTTP statuses", "trivet")
def batches_that_do_not_fit_answer_422(target: Target) -> None:
    """Well-formed JSON that does not fit the model answers 422 on `/predict/batch`, even in one row of many."""
    _need_rows(target)
    row = _row(target, 0)
    wrong: list[Any] = [[], [[]], None, {}, [[[row]]], [row, []], [row, None], "text"]
    if isinstance(row, list):
        wrong += [row, [row, row[:-1]], [row, ["one", *row[1:]]]]
    for inputs in wrong:
        contract_error(target.post(BATCH, {"inputs": inputs}), 422)


@check("Trivet contract, HTTP statuses", "trivet")
def malformed_json_answers_400(target: Target) -> None:
    """What is no JSON answers 400: also NaN and Infinity, which JSON does not have."""
    for path in (ONE, BATCH):
        for body in (
            b"",
            b"{",
            b"{'features':[1]}",
            b'{"features":[NaN]}',
            b'{"inputs":[[Infinity]]}',
            b"\xff\xfe",
            b"{}x",
        ):
            contract_error(_post(target, path, body), 400)


@check("Trivet contract, Rules", "trivet")
def no_body_makes_it_fail(target: Target) -> None:
    """Numbers beyond any float, and nesting beyond any reason, are refused with 400 or 422."""
    for body in (b'{"features":[1e999]}', b"[" * DEEP, b'{"features":' + b"[" * DEEP):
        contract_error(_post(target, ONE, body), 400, 422)


@check("Trivet contract, Numbers", "trivet")
def null_is_a_missing_value(target: Target) -> None:
    """`null` is taken where the metadata's `missing` names the input, and answers 422 elsewhere."""
    _need_rows(target)
    missing = target.properties.get("missing", [])
    for tensor in target.inputs.tensors:
        row = _row(target, 0)
        row[0 if isinstance(row, list) else tensor.name] = None
        reply = target.post(ONE, {"features": row})
        if tensor.name in missing:
            contract_answer(reply)
        else:
            contract_error(reply, 422)


@check("Trivet contract, Numbers", "trivet")
def integers_are_floats_and_floats_no_integers(target: Target) -> None:
    """An integer is taken where a float is expected; a fraction is refused where an integer is."""
    _need_rows(target)
    for tensor in target.inputs.tensors:
        if tensor.datatype == "BYTES":
            continue
        row = _row(target, 0)
        row[0 if isinstance(row, list) else tensor.name] = 1 if tensor.datatype in FLOATS else 1.5
        reply = target.post(ONE, {"features": row})
        if tensor.datatype in FLOATS:
            contract_answer(reply)
        else:
            contract_error(reply, 422)


@check("Trivet contract, Numbers", "trivet")
def overflow_is_no_infinity(target: Target) -> None:
    """A number that the model's own float cannot hold is refused with 422; what is answered is finite."""
    _need_rows(target)
    tensor = target.inputs.tensors[target.need_input(*FLOATS)]
    row = _row(target, 0)
    row[0 if isinstance(row, list) else tensor.name] = 1e39
    reply = target.post(ONE, {"features": row})
    if reply.status == 200:  # a model in float64 holds it
        contract_answer(reply)
        expect(b"nfinity" not in reply.body and b"NaN" not in reply.body, "finite numbers", reply)
    else:
        contract_error(reply, 422)


def _need_rows(target: Target) -> None:
    """Raise Inapplicable unless the model takes rows: one matrix, or one input per column."""
    tensors = target.inputs.tensors
    columns = all(tensor.shape == [1] for tensor in tensors)
    if not target.inputs.batched or not (columns or (len(tensors) == 1 and len(tensors[0].shape) == 1)):
        raise Inapplicable("the model does not take rows")


def _row(target: Target, row: int) -> Any:
    """Return a row as `/predict` takes it: a list of numbers, or an object of named columns."""
    tensors = target.inputs.tensors
    if len(tensors) == 1:
        return list(nest(tensors[0].data[row], tensors[0].shape))
    return {tensor.name: tensor.data[row][0] for tensor in tensors}


def _named(target: Target) -> dict[str, Any]:
    _need_rows(target)
    row = _row(target, 0)
    if not isinstance(row, dict):
        raise Inapplicable("the model has no named columns")
    return row


def _fields(outputs: dict[str, Output], prediction: str, probability: str) -> list[str]:
    return [prediction, probability] if any(name.startswith("probability") for name in outputs) else [prediction]


def _probabilities(outputs: dict[str, Output]) -> list[Any]:
    return [value for name, output in outputs.items() if name.startswith("probability") for value in output.data]


def _post(target: Target, path: str, body: bytes) -> Reply:
    return target.http.send("POST", path, body, {"content-type": JSON})
