"""The model repository extension."""

from services.conformance.check import check
from services.conformance.expect import contract_error, error_object, expect, ok
from services.conformance.target import Target

NAME = "model_repository"
# KServe's name for load and unload without an index.
WITHOUT_INDEX = "model_repository_extension"
SOURCE = "Model repository extension"
INDEX = "/v2/repository/index"


@check(f"{SOURCE}, Index")
def index_lists_the_model(target: Target) -> None:
    """`POST /v2/repository/index` lists the model with its state, which is READY, as strings."""
    target.need_extension(NAME)
    _expect_listed(target, b"{}")


@check(f"{SOURCE}, Index; tritonclient sends no body")
def index_takes_an_empty_body(target: Target) -> None:
    """The body of an index request may be empty."""
    target.need_extension(NAME)
    _expect_listed(target, b"")


@check(f"{SOURCE}, Index")
def index_lists_what_is_ready(target: Target) -> None:
    """`ready` asks for the models that can answer."""
    target.need_extension(NAME)
    _expect_listed(target, b'{"ready":true}')


@check(f"{SOURCE}, Load")
def loading_an_unknown_model_is_an_error(target: Target) -> None:
    """To load a model that is not there is an error, `{"error": "…"}`."""
    target.need_extension(NAME, WITHOUT_INDEX)
    error_object(target.http.send("POST", "/v2/repository/models/no-such-model/load", b""))


@check("Trivet contract, Settings", "trivet")
def administration_needs_its_key(target: Target) -> None:
    """Load, unload and rollback answer 404 without an admin key file, and 401 or 403 to a caller without the right."""
    paths = (f"/v2/repository/models/no-such-model/{verb}" for verb in ("load", "unload"))
    for path in (*paths, "/v2/models/no-such-model/rollback"):
        contract_error(target.http.send("POST", path, b""), 401, 403, 404)


@check("Trivet contract, HTTP statuses", "trivet")
def index_refuses_another_body(target: Target) -> None:
    """A body that is no index request answers 400."""
    for body in (b"[]", b'{"ready":1}', b'{"ready":"yes"}', b"{", b"null"):
        contract_error(target.http.send("POST", INDEX, body), 400)


def _expect_listed(target: Target, body: bytes) -> None:
    reply = ok(target.http.send("POST", INDEX, body))
    listed = reply.json()
    expect(isinstance(listed, list), "a list", reply)
    entries = [entry for entry in listed if isinstance(entry, dict) and entry.get("name") == target.model]
    expect(entries, f"an entry of {target.model}", reply)
    expect(any(entry.get("state") == "READY" for entry in entries), '"state": "READY"', reply)
    strings = all(isinstance(entry.get(field, ""), str) for entry in entries for field in ("version", "reason"))
    expect(strings, "version and reason as strings", reply)
