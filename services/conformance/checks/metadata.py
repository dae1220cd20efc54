"""What the server and its models say of themselves."""

import re

from services.conformance.check import Inapplicable, check
from services.conformance.expect import contract_answer, contract_error, expect, ok, refused
from services.conformance.target import Target, is_tensor

PLATFORM = re.compile(r"[^_\s]+_\S+")
DIGEST = re.compile(r"[0-9a-f]{64}")


@check("V2, Server Metadata Response JSON Object")
def server_has_name_version_extensions(target: Target) -> None:
    """`GET /v2` answers 200 with `name` and `version`, both strings, and `extensions`, a list of strings."""
    reply = ok(target.get("/v2"))
    body = reply.object()
    expect(
        all(isinstance(body.get(field), str) and body[field] for field in ("name", "version")), "name, version", reply
    )
    listed = body.get("extensions")
    expect(isinstance(listed, list) and all(isinstance(name, str) for name in listed), "extensions: [string, …]", reply)


@check("V2, OpenAPI file (`/v2/`); prose (`/v2`)")
def server_answers_with_a_slash(target: Target) -> None:
    """`GET /v2/` answers as `GET /v2` does, without a redirect: the document's two halves name one each."""
    reply = ok(target.get("/v2/"))
    expect(reply.object() == ok(target.get("/v2")).object(), "what /v2 answers", reply)


@check("V2, Model Metadata Response JSON Object")
def model_has_name_and_platform(target: Target) -> None:
    """`GET /v2/models/{m}` answers 200 with the model's `name`, and `platform`, a string."""
    reply = ok(target.get(target.path))
    body = reply.object()
    expect(body.get("name") == target.model, f'"name": "{target.model}"', reply)
    expect(isinstance(body.get("platform"), str), '"platform": "…"', reply)


@check("V2, Platforms")
def platform_is_project_and_format(target: Target) -> None:
    """`platform` has the form `<project>_<format>`."""
    reply = ok(target.get(target.path))
    expect(PLATFORM.fullmatch(str(reply.object().get("platform"))), '"platform": "<project>_<format>"', reply)


@check("V2, Model Metadata Response JSON Object")
def inputs_are_described(target: Target) -> None:
    """`inputs` lists at least one tensor with name, datatype and shape; -1 is an axis of any size."""
    reply = ok(target.get(target.path))
    listed = reply.object().get("inputs")
    expect(isinstance(listed, list) and listed and all(map(is_tensor, listed)), "inputs: [$metadata_tensor, …]", reply)


@check("V2, Model Metadata Response JSON Object")
def outputs_are_described(target: Target) -> None:
    """`outputs` lists at least one tensor with name, datatype and shape; -1 is an axis of any size."""
    reply = ok(target.get(target.path))
    listed = reply.object().get("outputs")
    expect(isinstance(listed, list) and listed and all(map(is_tensor, listed)), "outputs: [$metadata_tensor, …]", reply)


@check("V2, Model Metadata Response JSON Object")
def versions_are_strings(target: Target) -> None:
    """`versions` is a list of strings, or absent."""
    reply = ok(target.get(target.path))
    listed = reply.object().get("versions", [])
    expect(isinstance(listed, list) and all(isinstance(name, str) for name in listed), "versions: [string, …]", reply)


@check("V2, OpenAPI file, metadata_model_response")
def properties_are_strings(target: Target) -> None:
    """`properties` is an object of strings, or absent."""
    reply = ok(target.get(target.path))
    found = reply.object().get("properties", {})
    strings = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    expect(strings, 'properties: {"…": "…"}', reply)


@check("V2, Model Metadata")
def a_version_describes_itself(target: Target) -> None:
    """`GET /v2/models/{m}/versions/{v}` answers 200 for a version that the metadata lists."""
    reply = ok(target.get(f"{target.path}/versions/{target.need_version()}"))
    expect(reply.object().get("name") == target.model, f'"name": "{target.model}"', reply)


@check("V2, Model Metadata Response JSON Error Object")
def unknown_model_is_an_error(target: Target) -> None:
    """Metadata of a model that is not there is an error of the client's, `{"error": "…"}`."""
    refused(target.get("/v2/models/no-such-model"))


@check("V2, Model Metadata Response JSON Error Object")
def unknown_version_is_an_error(target: Target) -> None:
    """Metadata of a version that is not there is an error of the client's, `{"error": "…"}`."""
    target.need_version()
    refused(target.get(f"{target.path}/versions/no-such-version"))


@check("RFC 3986, 6.2.2.1")
def names_are_case_sensitive(target: Target) -> None:
    """A model's name in other case is another model: an error."""
    if target.model.swapcase() == target.model:
        raise Inapplicable("the model's name has no letters")
    refused(target.get(f"/v2/models/{target.model.swapcase()}"))


@check("Trivet contract, HTTP", "trivet")
def unknown_models_and_versions_answer_404(target: Target) -> None:
    """What is not there answers 404 on every route of a model, and the error names it."""
    for start, name in (("/v2/models/no-such-model", "no-such-model"), (f"{target.path}/versions/v0-none", "v0-none")):
        for method, end in (("GET", ""), ("GET", "/ready"), ("GET", "/stats"), ("POST", "/infer")):
            reply = target.http.send(method, start + end)
            expect(name in contract_error(reply, 404), f"an error that names {name}", reply)


@check("Trivet contract, HTTP", "trivet")
def metadata_holds_no_null(target: Target) -> None:
    """Metadata is JSON without null, with `versions` and `properties`."""
    contract_answer(target.get("/v2"))
    reply = target.get(target.path)
    expect({"versions", "properties"} <= contract_answer(reply).keys(), "versions and properties", reply)


@check("Trivet contract, HTTP", "trivet")
def the_digest_is_a_property(target: Target) -> None:
    """`properties` holds `model_digest`, a sha-256."""
    reply = ok(target.get(target.path))
    digest = (reply.object().get("properties") or {}).get("model_digest", "")
    expect(DIGEST.fullmatch(str(digest)), "properties.model_digest: 64 hexadecimal digits", reply)


@check("Trivet contract, Tensors", "trivet")
def classes_are_a_property(target: Target) -> None:
    """Where there is `probability`, `properties.classes` lists the classes in its order."""
    shapes = {tensor["name"]: tensor["shape"] for tensor in target.metadata["outputs"]}
    if "probability" not in shapes:
        raise Inapplicable("the model has no output probability")
    classes = target.properties.get("classes", [])
    expect(len(classes) == shapes["probability"][-1], "as many classes as probabilities", target.http.last)
