"""Adapters that execute a model: one file each, imported on first use."""

from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.runtime import Runtime
from services.core.settings import Settings


def load(compiled: CompiledModel, settings: Settings) -> Runtime:
    """Load a compiled model into the runtime that its manifest names. Raises LoadFailed."""
    if compiled.manifest.runtime == "onnx":
        from services.runtimes import onnx

        return onnx.load(compiled, threads=settings.runtime_threads)
    try:
        from services.runtimes import sklearn
    except ImportError as error:
        raise LoadFailed(f"a model for scikit-learn needs what trivet[sklearn] installs: {error}") from error
    return sklearn.load(compiled, settings.trusted_types)
