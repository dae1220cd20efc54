"""The server and the model that are looked at, as far as they can be found out."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

from services.client.datatypes import DATATYPES
from services.client.inputs import Inputs
from services.conformance.check import Inapplicable
from services.conformance.expect import expect, ok
from services.conformance.http import Http, Reply
from services.conformance.tensors import Output, alike, outputs_of


class Target:
    """What every check gets. sends_load: whether many requests at once are welcome."""

    def __init__(self, http: Http, model: str, inputs: Inputs, *, sends_load: bool = True) -> None:
        self.http = http
        self.model = model
        self.inputs = inputs
        self.sends_load = sends_load
        self.path = f"/v2/models/{quote(model, safe='')}"

    def get(self, path: str, **headers: str) -> Reply:
        """Send a GET; a header's name is written with underscores."""
        return self.http.send("GET", path, headers=_headers(headers))

    def post(self, path: str, value: Any, **headers: str) -> Reply:
        """Post a value as JSON."""
        return self.http.post_json(path, value, _headers(headers))

    def body(self, *rows: int, **more: Any) -> dict[str, Any]:
        """Return a right inference request over some rows, the first when none is named."""
        return {"inputs": self.inputs.flat(*(rows or (0,))), **more}

    def infer(self, *rows: int, **more: Any) -> Reply:
        """Send a right inference request and return its answer, which may be an error."""
        return self.post(f"{self.path}/infer", self.body(*rows, **more))

    def outputs(self, *rows: int, **more: Any) -> dict[str, Output]:
        """Return the outputs of a right inference request. Raises Failed unless it is answered."""
        return outputs_of(ok(self.infer(*rows, **more)))

    @cached_property
    def output_names(self) -> list[str]:
        """The names of all outputs, in their order."""
        return list(self.outputs())

    @cached_property
    def server_metadata(self) -> dict[str, Any]:
        """What the server says of itself."""
        return ok(self.get("/v2")).object()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the server says of the model."""
        return ok(self.get(self.path)).object()

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """The metadata's properties that are JSON text, decoded: `columns`, `classes`, `missing`."""
        listed = self.metadata.get("properties") or {}
        return {name: json.loads(listed[name]) for name in ("columns", "classes", "missing") if name in listed}

    def need_extension(self, *names: str) -> None:
        """Raise Inapplicable unless the server advertises one of these."""
        advertised = self.server_metadata.get("extensions") or []
        if not set(names) & set(advertised):
            raise Inapplicable(f"the extension {names[0]} is not advertised")

    def need_version(self) -> str:
        """Return a version that may be asked for. Raises Inapplicable when none is listed."""
        versions = self.metadata.get("versions") or []
        if not versions:
            raise Inapplicable("the model's metadata lists no versions")
        return str(versions[0])

    def need_rows(self, count: int) -> None:
        """Raise Inapplicable unless so many different rows fit into one request."""
        if not self.inputs.batched:
            raise Inapplicable("the model takes no batches")
        if self.inputs.row_count < count:
            raise Inapplicable(f"the sample has fewer than {count} rows")

    def need_outputs(self, count: int) -> None:
        """Raise Inapplicable unless the model has so many outputs."""
        if len(self.output_names) < count:
            raise Inapplicable(f"the model has fewer than {count} outputs")

    def need_input(self, *datatypes: str) -> int:
        """Return the place of an input of such a datatype. Raises Inapplicable when there is none."""
        for at, tensor in enumerate(self.inputs.tensors):
            if tensor.datatype in datatypes:
                return at
        raise Inapplicable(f"no input is {' or '.join(sorted(datatypes))}")

    def need_load(self) -> None:
        """Raise Inapplicable unless many requests at once are welcome."""
        if not self.sends_load:
            raise Inapplicable("--no-load")

    def expect_same(self, reply: Reply, wanted: dict[str, Output], said: str) -> None:
        """Fail unless an answer's outputs are these."""
        found = outputs_of(ok(reply))
        expect(list(found) == list(wanted), f"the outputs {list(wanted)}", reply)
        for name, output in wanted.items():
            expect(found[name].shape == output.shape and alike(found[name].data, output.data), said, reply)


def is_tensor(described: Any) -> bool:
    """Whether this is a $metadata_tensor."""
    if not isinstance(described, dict) or not isinstance(described.get("name"), str):
        return False
    shape = described.get("shape")
    axes = isinstance(shape, list) and all(type(size) is int and size >= -1 for size in shape)
    return axes and described.get("datatype") in DATATYPES


def _headers(named: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}
