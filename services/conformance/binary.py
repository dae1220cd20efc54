"""Requests of the binary tensor extension: a JSON part, and the tensors' bytes after it."""

import json
from typing import Any

from services.conformance.http import Reply
from services.conformance.target import Target
from services.conformance.tensors import LENGTH, encode

BINARY = "application/octet-stream"


def post_binary(target: Target, inputs: list[dict[str, Any]], content_type: str = BINARY, **more: Any) -> Reply:
    """Post inputs as bytes. more: other fields of the request."""
    return post(target, *parts(inputs, **more), content_type=content_type)


def parts(inputs: list[dict[str, Any]], **more: Any) -> tuple[dict[str, Any], bytes]:
    """Return the JSON part and the bytes of a request."""
    tails = [encode(tensor["datatype"], tensor["data"]) for tensor in inputs]
    described = [
        {field: tensor[field] for field in ("name", "shape", "datatype")}
        | {"parameters": {"binary_data_size": len(tail)}}
        for tensor, tail in zip(inputs, tails, strict=True)
    ]
    return {"inputs": described, **more}, b"".join(tails)


def post(target: Target, text: dict[str, Any], tail: bytes, content_type: str = BINARY) -> Reply:
    """Post a JSON part and bytes."""
    encoded = json.dumps(text).encode()
    return send(target, encoded + tail, str(len(encoded)), content_type)


def send(target: Target, content: bytes, length: str | None, content_type: str = BINARY) -> Reply:
    """Post a whole body. length: the header that says where the bytes begin; None leaves it out."""
    headers = {"content-type": content_type} if content_type else {}
    if length is not None:
        headers[LENGTH] = length
    return target.http.send("POST", f"{target.path}/infer", content, headers)
