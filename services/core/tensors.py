"""Open Inference Protocol datatypes, and tensors from and to JSON values and raw bytes.

Source: kserve/open-inference-protocol, "Tensor Data Types", and the binary tensor data extension.
A tensor is a numpy array; BYTES is an object array of str.
"""

import struct
from collections.abc import Iterator
from math import prod
from typing import Any

import msgspec
import numpy as np

from services.core.errors import MalformedRequest, UnfitInput

Array = np.ndarray[Any, np.dtype[Any]]
Tensors = dict[str, Array]

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
DATATYPE_OF: dict[np.dtype[Any], str] = {dtype: name for name, dtype in DATATYPES.items()}

# One C call decodes this much JSON before another thread may have the interpreter: about 0.2 ms.
PIECE_BYTES = 16 * 1024

_LENGTH = struct.Struct("<I")


def datatype_of(array: Array) -> str:
    """Return the protocol's name for an array's type; strings of any width are BYTES."""
    return "BYTES" if array.dtype.kind in "OUS" else DATATYPE_OF[array.dtype]
