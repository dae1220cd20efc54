"""Inference as JSON: what a right request gets."""

import numpy as np

from services.conformance.check import check
from services.conformance.expect import contract_answer, expect, ok
from services.conformance.target import Target
from services.conformance.tensors import alike, outputs_of


@check("V2, Inference Response JSON Object")
def a_right_request_answers_200(target: Target) -> None:
    """A request without `id`, `parameters` and `outputs` answers 200 with `model_name` and `outputs`."""
    reply = ok(target.infer())
    expect(reply.object().get("model_name") == target.model, f'"model_name": "{target.model}"', reply)
    expect(outputs_of(reply), "at least one output", reply)


@check("V2, Response Output; Tensor Data")
def outputs_fill_their_shapes(target: Target) -> None:
    """Every output has name, datatype, shape and data, and the data fills the shape."""
    target.outputs()


@check("V2, Model Metadata Response JSON Object")
def outputs_are_those_of_the_metadata(target: Target) -> None:
    """The outputs have the names, datatypes and axes that the metadata lists."""
    reply = ok(target.infer())
    found = outputs_of(reply)
    described = {tensor["name"]: tensor for tensor in target.metadata["outputs"]}
    expect(found.keys() == described.keys(), f"the outputs {list(described)}", reply)
    for name, output in found.items():
        wanted = described[name]
        fits = len(output.shape) == len(wanted["shape"]) and all(
            size in (-1, got) for size, got in zip(wanted["shape"], output.shape, strict=True)
        )
        expect(output.datatype == wanted["datatype"] and fits, f"{name}: {wanted['datatype']} {wanted['shape']}", reply)


@check("V2, Inference Request JSON Object, id")
def an_id_comes_back(target: Target) -> None:
    """An `id` that was sent comes back as it was."""
    for sent in ("42", "x" * 200):
        reply = ok(target.infer(id=sent))
        expect(reply.object().get("id") == sent, f'"id": "{sent}"', reply)


@check("V2, Inference Request JSON Object, id: $string")
def an_id_may_be_any_text(target: Target) -> None:
    """An `id` may be any string of JSON, also with other letters than ASCII's."""
    reply = ok(target.infer(id="süß ☃ 42"))
    expect(reply.object().get("id") == "süß ☃ 42", '"id": "süß ☃ 42"', reply)


@check("V2, Inference Response JSON Object")
def optional_fields_are_strings_or_absent(target: Target) -> None:
    """`model_version` and `id` are strings where they are there; a server without versions leaves the field out."""
    reply = ok(target.infer())
    for field in ("model_version", "id"):
        expect(isinstance(reply.object().get(field, ""), str), f"{field} a string, or absent", reply)


@check("V2, Tensor Data")
def flat_and_nested_data_are_one(target: Target) -> None:
    """Data in its natural shape and flattened give the same answer."""
    rows = (0, 1) if target.inputs.batched and target.inputs.row_count > 1 else (0,)
    reply = target.post(f"{target.path}/infer", {"inputs": target.inputs.nested(*rows)})
    target.expect_same(reply, target.outputs(*rows), "the answer that flat data gets")


@check("V2, Request Output")
def outputs_select(target: Target) -> None:
    """`outputs` in the request: only the named come back."""
    target.need_outputs(2)
    everything = target.outputs()
    for name, output in everything.items():
        target.expect_same(target.infer(outputs=[{"name": name}]), {name: output}, f"{name} as without selection")


@check("V2, Request Output")
def a_single_output_can_be_named(target: Target) -> None:
    """`outputs` may name what would come anyway."""
    wanted = target.outputs()
    target.expect_same(target.infer(outputs=[{"name": name} for name in wanted]), wanted, "all outputs")


@check("V2, Request Input")
def a_batch_has_a_row_for_each(target: Target) -> None:
    """A batch of three rows gives outputs of three rows, each as it is alone."""
    target.need_rows(3)
    reply = ok(target.infer(2, 0, 1))
    found = outputs_of(reply)
    for at, row in enumerate((2, 0, 1)):
        for name, alone in target.outputs(row).items():
            expect(found[name].shape[:1] == [3], f"{name} of three rows", reply)
            expect(alike(found[name].rows([at]), alone.data), f"row {at} of {name} as it is alone", reply)


@check("V2, API table; versions are optional")
def a_version_answers(target: Target) -> None:
    """`POST /v2/models/{m}/versions/{v}/infer` answers as the path without version does."""
    path = f"{target.path}/versions/{target.need_version()}/infer"
    target.expect_same(target.post(path, target.body()), target.outputs(), "the answer without a version")


@check("V2, Inference: a JSON object by POST; tritonclient sends no Content-Type")
def a_body_without_content_type_is_json(target: Target) -> None:
    """The document asks for no Content-Type: a JSON body without one is answered."""
    body = target.http.post_json(f"{target.path}/infer", target.body()).sent
    target.expect_same(target.http.send("POST", f"{target.path}/infer", body), target.outputs(), "the usual answer")


@check("V2, Parameters")
def parameters_of_every_kind_are_taken(target: Target) -> None:
    """Parameters may be strings, numbers and booleans, of the request, its inputs and its outputs."""
    parameters = {"x_note": "x", "x_count": 3, "x_ratio": 0.5, "x_flag": True}
    body = target.body(
        parameters=parameters, outputs=[{"name": name, "parameters": {}} for name in target.output_names]
    )
    body["inputs"] = [tensor | {"parameters": parameters} for tensor in body["inputs"]]
    target.expect_same(target.post(f"{target.path}/infer", body), target.outputs(), "the answer without parameters")


@check("Trivet contract, Rules", "trivet")
def an_id_is_absent_when_not_sent(target: Target) -> None:
    """No `id` comes back when none was sent, and nothing is null."""
    reply = target.infer()
    expect("id" not in contract_answer(reply), "no id", reply)


@check("Trivet contract, Rules", "trivet")
def even_an_empty_id_comes_back(target: Target) -> None:
    """An `id` comes back whatever it holds: nothing, quotes, five thousand letters."""
    for sent in ("", 'quo"te', "x" * 5000):
        reply = target.infer(id=sent)
        expect(contract_answer(reply).get("id") == sent, "the id as it was sent", reply)


@check("Trivet contract, Rules", "trivet")
def an_answer_says_what_answered(target: Target) -> None:
    """`model_version` is the listed one; `parameters` carry `model_digest` and `engine`."""
    reply = target.infer()
    answer = contract_answer(reply)
    parameters = answer.get("parameters", {})
    expect(
        [answer.get("model_version")] == target.metadata["versions"], f"version {target.metadata['versions']}", reply
    )
    digest = target.metadata["properties"]["model_digest"]
    expect(parameters.get("model_digest") == digest, "parameters.model_digest as in the metadata", reply)
    expect(parameters.get("engine") in ("fastapi", "bentoml", "ray"), "parameters.engine", reply)


@check("Trivet contract, Rules", "trivet")
def outputs_come_in_the_order_asked(target: Target) -> None:
    """`outputs` also orders; an empty list means all."""
    target.need_outputs(2)
    turned = target.output_names[::-1]
    reply = ok(target.infer(outputs=[{"name": name} for name in turned]))
    expect(list(outputs_of(reply)) == turned, f"the outputs {turned}", reply)
    every = ok(target.infer(outputs=[]))
    expect(list(outputs_of(every)) == target.output_names, "all outputs", every)


@check("Trivet contract, Rules", "trivet")
def unknown_fields_are_ignored(target: Target) -> None:
    """Fields that the document does not know change nothing."""
    target.expect_same(target.infer(extra={"a": [1]}), target.outputs(), "the usual answer")


@check("Trivet contract, Tensors", "trivet")
def numbers_are_the_shortest_decimals(target: Target) -> None:
    """JSON numbers are the shortest decimals that give back the tensor's own type: 0.43, not 0.43000000715."""
    reply = ok(target.infer())
    for name, output in outputs_of(reply).items():
        if output.datatype in ("FP32", "FP16"):
            narrow = np.float32 if output.datatype == "FP32" else np.float16
            shortest = [float(str(narrow(value))) for value in output.data]
            expect(output.data == shortest, f"{name} in the shortest decimals", reply)


@check("Trivet contract, Rules", "trivet")
def data_comes_back_flat(target: Target) -> None:
    """Flat and nested data get the same bytes back."""
    flat = ok(target.infer())
    nested = target.post(f"{target.path}/infer", {"inputs": target.inputs.nested(0)})
    expect(nested.body == flat.body, "the same bytes", nested)
