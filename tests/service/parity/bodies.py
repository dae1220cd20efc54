"""Good bodies for a model, as its facts say, and JSON with a mistake in it."""

import struct
from random import Random
from typing import Any

import numpy as np

from services.core.tensors import DATATYPES
from tests.service.facts import Facts
from tests.service.parity.json_text import changed, text

# How often a value is moved a little, so that rows are not only those of the facts.
MOVED = 0.7
DATATYPES_SENT = ("FP32", "FP64", "INT64", "INT32", "UINT8", "BOOL", "BYTES", "FP16", "BF16", "fp64")
IDS = ("1", "größer", "", "a" * 100, 7, None)


def row(random: Random, facts: Facts) -> Any:
    """Return a row that the model takes, in the form of `/predict`."""
    found = random.choice(facts.rows)
    if isinstance(found, dict):
        return {name: _moved(random, value) for name, value in found.items()}
    return [_moved(random, value) for value in found]


def infer(random: Random, facts: Facts) -> dict[str, Any]:
    """Return a V2 request, its data flat or nested, with some of what may be added."""
    rows = [row(random, facts) for _ in range(random.randrange(1, 5))]
    inputs = []
    for index, spec in enumerate(facts.signature.inputs):
        columns = [_cells(one, spec.name) for one in rows]
        nested = not random.randrange(3)
        data = columns if nested else [value for cells in columns for value in cells]
        shape = [len(rows), len(columns[0])]
        datatype = spec.datatype if random.randrange(8) else random.choice(DATATYPES_SENT)
        tensor = {"name": spec.name, "datatype": datatype, "shape": shape, "data": data}
        inputs.insert(random.randrange(index + 1), tensor)
    return {"inputs": inputs} | _additions(random, facts)


def infer_binary(random: Random, facts: Facts) -> tuple[bytes, bytes]:
    """Return the JSON and the tensors of a V2 request whose inputs are binary, the JSON sometimes with a mistake."""
    message, kinds = infer(random, facts), {spec.name: spec.datatype for spec in facts.signature.inputs}
    tail = b""
    for tensor in message["inputs"]:
        data = _binary(np.ravel(np.array(tensor.pop("data"), dtype=object)), kinds[tensor["name"]])
        size = random.choice((*[len(data)] * 9, len(data) - 1, len(data) + 8, -1, 0, str(len(data))))
        tensor["parameters"] = {"binary_data_size": size}
        tail += data
    if random.randrange(2):
        message["parameters"] = {
            **message.get("parameters", {}),
            "binary_data_output": random.choice((True, True, False, 1)),
        }
    if not random.randrange(8):
        tail = random.choice((tail[:-1], tail + b"\0", b""))
    if not random.randrange(8):
        message = changed(random, message)
    return text(message).encode(), tail


def json_body(random: Random, message: Any) -> bytes:
    """Return the text of a message, one in three with a mistake."""
    for _ in range(random.choice((0, 0, 1))):
        message = changed(random, message)
    return text(message).encode()


def _additions(random: Random, facts: Facts) -> dict[str, Any]:
    """Return members that a request may have. A short timeout is not among them: what it does is a matter of luck."""
    found: dict[str, Any] = {}
    if not random.randrange(3):
        found["id"] = random.choice(IDS)
    if not random.randrange(3):
        names = random.sample([*facts.output_names, "unknown"], random.randrange(3))
        found["outputs"] = [{"name": name} | _binary_wish(random) for name in names]
    if not random.randrange(4):
        found["parameters"] = random.choice(
            ({}, {"timeout": 10**7}, {"timeout": 0}, {"timeout": -5}, {"timeout": "1"}, {"x": [1]})
        )
    return found


def _binary_wish(random: Random) -> dict[str, Any]:
    return {"parameters": {"binary_data": random.choice((True, False, "yes"))}} if not random.randrange(3) else {}


def _cells(row: Any, name: str) -> list[Any]:
    return [row[name]] if isinstance(row, dict) else list(row)


def _moved(random: Random, value: Any) -> Any:
    if isinstance(value, float) and random.random() < MOVED:
        return round(value + random.uniform(-1, 1), random.randrange(6))
    return value


def _binary(values: "np.ndarray[Any, Any]", datatype: str) -> bytes:
    """Return a tensor as the binary extension has it; what is missing is NaN."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(struct.pack("<I", len(one)) + one for one in texts)
    known = [float("nan") if value is None else value for value in values]
    return np.array(known).astype(DATATYPES[datatype]).tobytes()
