"""Rows as BentoML's users send them, one array, to the tensors of a signature."""

import numpy as np

from services.core.errors import UnfitInput
from services.core.signature import Signature, TensorSpec
from services.core.tensors import DATATYPES, Array, Tensors


def tensors_of(rows: Array, signature: Signature) -> Tensors:
    """Return the tensors of rows whose columns are in the order of the signature.

    rows: [n, columns]. Raises UnfitInput when they are no such rows, or hold values of another type.
    """
    specs = signature.inputs
    if not signature.is_matrix and any(spec.shape != (-1, 1) for spec in specs):
        raise UnfitInput("this model takes no rows; POST its tensors to /v2/models/NAME/infer")
    width = specs[0].shape[1] if signature.is_matrix else len(specs)
    if rows.ndim != 2 or width not in (-1, rows.shape[1]):
        raise UnfitInput(f"the rows have the shape {list(rows.shape)}; the model takes [-1, {width}]")
    if signature.is_matrix:
        return {specs[0].name: _typed(rows, specs[0])}
    return {spec.name: _typed(rows[:, index : index + 1], spec) for index, spec in enumerate(specs)}


def _typed(values: Array, spec: TensorSpec) -> Array:
    try:
        if spec.datatype == "BYTES":
            return values.astype(np.str_).astype(object)
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused by the signature
            return values.astype(DATATYPES[spec.datatype])
    except (TypeError, ValueError) as error:
        raise UnfitInput(f"the rows do not fit {spec.name!r}, which takes {spec.datatype}: {error}") from error
