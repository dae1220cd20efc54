"""Inference that breaks the protocol: an error of the client's, in the document's shape, never a 500."""

import json
from collections.abc import Iterator

from services.client.datatypes import FLOATS
from services.conformance.binary import post_binary
from services.conformance.broken import BROKEN, STRICTER, Broken
from services.conformance.check import Check, Inapplicable, check
from services.conformance.expect import contract_error, ok, refused
from services.conformance.http import JSON, Reply
from services.conformance.target import Target
from services.conformance.tensors import Output, outputs_of

# The document says that an error has an error status, "typically 400"; that 5xx is no client's fault says the other.
ERROR = "V2, Inference Response JSON Error Object; RFC 9110, 15.5"


def _checks() -> Iterator[Check]:
    for name, (what, broken) in BROKEN.items():

        def run(target: Target, broken: Broken = broken) -> None:
            refused(_post(target, broken(target)))

        yield Check(
            f"refusals.{name}",
            f'{what}: 400 to 499, `{{"error": "…"}}`.',
            ERROR,
            "protocol",
            run,
        )


CHECKS = tuple(_checks())


@check(ERROR)
def an_unknown_model(target: Target) -> None:
    """Inference by a model that is not there: 400 to 499, `{"error": "…"}`."""
    refused(target.post("/v2/models/no-such-model/infer", target.body()))


@check(ERROR)
def an_unknown_version(target: Target) -> None:
    """Inference by a version that is not there: 400 to 499, `{"error": "…"}`."""
    target.need_version()
    refused(target.post(f"{target.path}/versions/no-such-version/infer", target.body()))


@check("Trivet contract, HTTP statuses", "trivet")
def all_of_these_answer_400(target: Target) -> None:
    """All that breaks the protocol answers 400 in the contract's one shape."""
    for broken in (*(broken for _, broken in BROKEN.values()), *STRICTER.values()):
        try:
            body = broken(target)
        except Inapplicable:
            continue
        contract_error(_post(target, body), 400)


@check("Trivet contract, Numbers", "trivet")
def infinity_is_refused(target: Target) -> None:
    """Infinity, NaN as a word and numbers beyond any float are refused in JSON."""
    at = target.need_input(*FLOATS)
    for word in ("Infinity", "-Infinity", "NaN", "1e999"):
        contract_error(_post(target, _with_word(target, at, word)), 400)


@check("Trivet contract, Numbers", "trivet")
def null_is_refused_unless_missing_is_known(target: Target) -> None:
    """`null` means missing: taken where the metadata's `missing` names the input, refused elsewhere."""
    missing = target.properties.get("missing", [])
    for at, tensor in enumerate(target.inputs.tensors):
        reply = _post(target, _with_word(target, at, "null"))
        if tensor.name not in missing:
            contract_error(reply, 400)
        else:
            target.expect_same(reply, _by_binary_nan(target, at), "the answer that NaN gets")


def _by_binary_nan(target: Target, at: int) -> dict[str, Output]:
    inputs = target.inputs.flat(0)
    inputs[at]["data"][0] = float("nan")
    return outputs_of(ok(post_binary(target, inputs)))


def _with_word(target: Target, at: int, word: str) -> bytes:
    inputs = target.inputs.flat(0)
    inputs[at]["data"][0] = "@"
    return json.dumps({"inputs": inputs}).replace('"@"', word).encode()


def _post(target: Target, body: bytes) -> Reply:
    return target.http.send("POST", f"{target.path}/infer", body, {"content-type": JSON})
