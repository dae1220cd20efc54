"""The answers of the contract, encoded once: tensors → bytes."""

from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import orjson

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
        start = _described(name, datatype_of(array), array.shape)
        if binary:
            tails.append(to_bytes(array))
            described.append(start + b'"parameters":{"binary_data_size":%d}}' % len(tails[-1]))
        else:
            described.append(b'%s"data":%s}' % (start, to_json(array.ravel())))
    named = b"" if request.id is None else b',"id":' + msgspec.json.encode(request.id)
    text = b'%s%s,"outputs":[%s]}' % (head, named, b",".join(described))
    if b"null" in text:
        _check_finite({name: outputs[name] for name, binary in request.outputs if not binary})
    return (text, None) if not tails else (text + b"".join(tails), len(text))


def prediction_of(outputs: Tensors) -> Array:
    """Return the prediction; an imported model's first output is its prediction."""
    prediction = outputs.get("prediction")
    return next(iter(outputs.values())) if prediction is None else prediction


def encode_row(outputs: Tensors) -> bytes:
    """Encode the answer of `/predict`: the first row of the prediction and, if there is one, of the probability."""
    prediction, probabilities = _predict_outputs(outputs)
    answer = {"prediction": _first(prediction)}
    if probabilities:
        rows = [_first(probability) for probability in probabilities]
        answer["probability"] = rows[0] if "probability" in outputs else rows
    return _checked(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), outputs)


def encode_rows(outputs: Tensors) -> bytes:
    """Encode the answer of `/predict/batch`."""
    prediction, probabilities = _predict_outputs(outputs)
    if not probabilities:
        return _checked(b'{"predictions":%s}' % to_json(prediction), outputs)
    if "probability" in outputs:
        listed = to_json(probabilities[0])
    else:
        rows = zip(*([to_json(row) for row in probability] for probability in probabilities), strict=True)
        listed = b"[%s]" % b",".join(b"[%s]" % b",".join(row) for row in rows)
    return _checked(b'{"predictions":%s,"probabilities":%s}' % (to_json(prediction), listed), outputs)


@lru_cache(maxsize=1024)
def _described(name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
    return b'{"name":%s,"datatype":"%s","shape":%s,' % (
        msgspec.json.encode(name),
        datatype.encode(),
        msgspec.json.encode(shape),
    )


def _predict_outputs(outputs: Tensors) -> tuple[Array, list[Array]]:
    """Return the prediction and the probabilities, which belong to a prediction of that name only."""
    prediction = prediction_of(outputs)
    if "prediction" not in outputs:
        return prediction, []
    probability = outputs.get("probability")
    if probability is not None:
        return prediction, [probability]
    return prediction, [array for name, array in outputs.items() if name.startswith("probability_")]


def _first(array: Array) -> Any:
    """Return the first row as something that orjson writes in the array's own precision."""
    if array.ndim > 1:
        return array[0].tolist() if array.dtype.kind == "O" else array[0]
    return array[0] if array.dtype.kind == "f" else array.item(0)


def _checked(answer: bytes, outputs: Tensors) -> bytes:
    """Return the answer. A null in it may be a NaN, an infinity, or only a piece of a label: look closely."""
    if b"null" in answer:
        _check_finite(outputs)
    return answer


def _check_finite(outputs: Tensors) -> None:
    for name, array in outputs.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise RuntimeFailed(f"the model's {name} is not finite, which JSON cannot say")
