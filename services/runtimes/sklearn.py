"""The scikit-learn runtime: an estimator from a skops file, for what does not convert to ONNX."""

from pathlib import Path
from typing import Any

import numpy as np
import skops.io

from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.signature import Signature
from services.core.tensors import DATATYPES, Array, Tensors
from services.runtimes.sklearn_types import TRUSTED_TYPES

PLATFORM = "sklearn_skops"


def load(compiled: CompiledModel, trusted_types: tuple[str, ...] = ()) -> "SklearnRuntime":
    """Load the estimator of a compiled model.

    trusted_types: what the operator trusts besides TRUSTED_TYPES; what the file says about itself is never read.
    Raises LoadFailed when the file holds another type, or is damaged.
    """
    return adapt(read(compiled.model_file, trusted_types), compiled.manifest.signature)


def adapt(estimator: Any, signature: Signature) -> "SklearnRuntime":
    """Return a runtime over a fitted estimator that takes and gives the tensors of the signature."""
    return SklearnRuntime(estimator, signature)


def read(file: Path | bytes, trusted_types: tuple[str, ...] = ()) -> Any:
    """Read a skops file, or its content.

    Raises LoadFailed when it holds a type that is not trusted, or is no skops file.
    """
    name = "the model" if isinstance(file, bytes) else str(file)
    trusted = [*TRUSTED_TYPES, *trusted_types]
    try:
        content = file if isinstance(file, bytes) else file.read_bytes()
        untrusted = sorted(set(skops.io.get_untrusted_types(data=content)) - set(trusted))
        if not untrusted:
            return skops.io.loads(content, trusted=trusted)
    # The reader meets bytes from outside: what a damaged file raises depends on where it is damaged.
    except Exception as error:
        raise LoadFailed(f"{name} is no readable skops file: {error}") from error
    raise LoadFailed(
        f"{name} holds types that are not trusted: {', '.join(untrusted)}; "
        "if you know that they are safe, name them in TRIVET_TRUSTED_TYPES"
    )


class SklearnRuntime:
    """Executes an estimator; implements `core.runtime.Runtime`."""

    platform = PLATFORM

    def __init__(self, estimator: Any, signature: Signature) -> None:
        self._estimator = estimator
        self._signature = signature
        self._frame = not signature.is_matrix or hasattr(estimator, "feature_names_in_")
        self._dtypes = {spec.name: DATATYPES[spec.datatype] for spec in signature.outputs}
        named = any(name.startswith("probability") for name in self._dtypes)
        self._probable = named if signature.outputs else hasattr(estimator, "predict_proba")

    def predict(self, inputs: Tensors) -> Tensors:
        """Run one batch; see `Runtime.predict`. A signature without outputs gives all of them as they come."""
        features = self._features(inputs)
        outputs = {"prediction": np.asarray(self._estimator.predict(features))}
        if self._probable:
            outputs |= _tables(self._estimator.predict_proba(features), outputs["prediction"].ndim == 2)
        return {name: _typed(outputs[name], dtype) for name, dtype in self._dtypes.items()} or outputs

    def close(self) -> None:
        """Drop the estimator."""
        self._estimator = None

    def _features(self, inputs: Tensors) -> Any:
        """Return what the estimator was fitted with: a matrix, a list of texts or a DataFrame."""
        if self._frame:
            # pandas costs 40 MB and half a second: only models over named columns pay for it.
            import pandas as pd

            if self._signature.is_matrix and self._signature.columns:
                return pd.DataFrame(next(iter(inputs.values())), columns=list(self._signature.columns))
            return pd.DataFrame({spec.name: inputs[spec.name][:, 0] for spec in self._signature.inputs})
        matrix = next(iter(inputs.values()))
        return matrix[:, 0] if takes_text(self._estimator) else matrix


def _tables(predicted: Any, many: bool) -> Tensors:
    """Name the probabilities: one (rows, classes) table, or one per output.

    predicted: what `predict_proba` gave: a table, a list of them, or for many labels one column of P(1) each.
    """
    if isinstance(predicted, list):
        tables = [np.asarray(table) for table in predicted]
    elif many:
        tables = [np.stack([1 - column, column], axis=1) for column in np.asarray(predicted).T]
    else:
        return {"probability": np.asarray(predicted)}
    return {f"probability_{output}": table for output, table in enumerate(tables)}


def takes_text(estimator: Any) -> bool:
    """Whether the estimator starts with a text vectorizer, which takes a list of strings and no matrix."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    return type(first).__module__ == "sklearn.feature_extraction.text" and hasattr(first, "build_analyzer")


def _typed(array: Array, dtype: np.dtype[Any]) -> Array:
    return array.astype(str).astype(object) if dtype.kind == "O" else array.astype(dtype, copy=False)
