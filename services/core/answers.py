"""The answers of the contract, encoded once: tensors → bytes."""

import msgspec
import numpy as np

from services.core.contract import InferRequest
from services.core.errors import RuntimeFailed
from services.core.tensors import Array, Tensors, datatype_of, to_bytes, to_json


class Identity(msgspec.Struct, frozen=True):
    """Which model answers, and where."""

    name: str
    version: str
    digest: str
    engine: str


def v2_head(identity: Identity) -> bytes:
    """Return the part of every V2 answer that does not change while a model is served."""
    head = {
        "model_name": identity.name,
        "model_version": identity.version,
        "parameters": {"model_digest": identity.digest, "engine": identity.engine},
    }
    return msgspec.json.encode(head)[:-1]


def encode_infer(head: bytes, request: InferRequest, outputs: Tensors) -> tuple[bytes, int | None]:
    """Encode a V2 answer; with it, the size of its JSON part when binary tensors follow, else None."""
    described: list[bytes] = []
    tails: list[bytes] = []
    for name, binary in request.outputs:
        array = outputs[name]
        start = b'{"name":%s,"datatype":"%s","shape":%s,' % (
            msgspec.json.encode(name),
            datatype_of(array).encode(),
            msgspec.json.encode(array.shape),
        )
        if binary:
            tails.append(to_bytes(array))
            described.append(start + b'"parameters":{"binary_data_size":%d}}' % len(tails[-1]))
        else:
            described.append(b'%s"data":%s}' % (start, to_json(_finite(name, array).ravel())))
    named = b"" if request.id is msgspec.UNSET else b',"id":' + msgspec.json.encode(request.id)
    text = b'%s%s,"outputs":[%s]}' % (head, named, b",".join(described))
    return (text, None) if not tails else (text + b"".join(tails), len(text))


def encode_row(outputs: Tensors) -> bytes:
    """Encode the answer of `/predict`: the first row of the prediction and, if there is one, of the probability."""
    prediction, probabilities = _predict_outputs(outputs)
    if not probabilities:
        return b'{"prediction":%s}' % to_json(prediction[:1])[1:-1]
    rows = [to_json(probability[:1])[1:-1] for probability in probabilities]
    listed = rows[0] if "probability" in outputs else b"[" + b",".join(rows) + b"]"
    return b'{"prediction":%s,"probability":%s}' % (to_json(prediction[:1])[1:-1], listed)


def encode_rows(outputs: Tensors) -> bytes:
    """Encode the answer of `/predict/batch`."""
    prediction, probabilities = _predict_outputs(outputs)
    if not probabilities:
        return b'{"predictions":%s}' % to_json(prediction)
    if "probability" in outputs:
        return b'{"predictions":%s,"probabilities":%s}' % (to_json(prediction), to_json(probabilities[0]))
    rows = zip(*([to_json(row) for row in probability] for probability in probabilities), strict=True)
    return b'{"predictions":%s,"probabilities":[%s]}' % (
        to_json(prediction),
        b",".join(b"[" + b",".join(row) + b"]" for row in rows),
    )


def _predict_outputs(outputs: Tensors) -> tuple[Array, list[Array]]:
    """Return the prediction and the probabilities; an imported model's first output is its prediction."""
    prediction = outputs.get("prediction")
    if prediction is None:
        prediction = next(iter(outputs.values()))
    probabilities = [
        array for name, array in outputs.items() if name == "probability" or name.startswith("probability_")
    ]
    for array in (prediction, *probabilities):
        _finite("prediction", array)
    return prediction, probabilities


def _finite(name: str, array: Array) -> Array:
    if array.dtype.kind == "f" and not np.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
        raise RuntimeFailed(f"the model's {name} is not finite, which JSON cannot say")
    return array
