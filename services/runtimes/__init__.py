"""Adapters that execute a model: one file each, imported on first use."""

from services.core.compiled_model import CompiledModel
from services.core.runtime import Runtime
from services.core.settings import Settings


def load(compiled: CompiledModel, settings: Settings) -> Runtime:
    """Load a compiled model into the runtime that its manifest names. Raises LoadFailed."""
    if compiled.manifest.runtime == "onnx":
        from services.runtimes import onnx

        return onnx.load(compiled, threads=settings.runtime_threads)
    from services.runtimes import sklearn

    return sklearn.load(compiled, settings.trusted_types)
