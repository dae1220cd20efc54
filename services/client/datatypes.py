"""The datatypes of the protocol. Source: the V2 document, "Tensor Data Types"."""

# As numpy writes their bytes. BYTES has no size of its own.
NUMPY = {
    "BOOL": "|b1", "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "|i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
DATATYPES = frozenset({*NUMPY, "BYTES"})
FLOATS = frozenset({"FP16", "FP32", "FP64"})
