"""ONNX Runtime: runs `model.onnx` on a CPU, or on an NVIDIA GPU where the installed build has one."""

from typing import Any

import onnxruntime

from services.core.compiled_model import CompiledModel
from services.core.errors import LoadFailed
from services.core.tensors import Tensors

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
# What goes wrong is raised, and logged as JSON by whoever catches it; ONNX Runtime would print it besides.
ONLY_FATAL = 4


class OnnxRuntime:
    """One session. The session releases the interpreter while it runs."""

    platform = "onnx_onnxv1"

    def __init__(self, session: onnxruntime.InferenceSession, outputs: list[str]) -> None:
        self._session: Any = session
        self._outputs = outputs

    def predict(self, inputs: Tensors) -> Tensors:
        """Run one batch; see core.runtime.Runtime."""
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))

    def close(self) -> None:
        """Free the session."""
        self._session = None


def load(compiled: CompiledModel, threads: int) -> OnnxRuntime:
    """Load a compiled model.

    threads: of one run; more than one makes a row's last digits depend on the batch it is in.
    Raises LoadFailed when the file is no model, or does not hold what its signature promises.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ONLY_FATAL
    present = onnxruntime.get_available_providers()
    if CUDA in present:
        onnxruntime.preload_dlls()  # of NVIDIA's packages, where no CUDA is installed besides
    providers = [provider for provider in (CUDA, CPU) if provider in present]
    try:
        session = onnxruntime.InferenceSession(str(compiled.model_file), options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise LoadFailed(f"ONNX Runtime cannot load {compiled.model_file.name}: {error}") from error
    outputs = [spec.name for spec in compiled.manifest.signature.outputs]
    found = {node.name for node in session.get_outputs()}
    if missing := [name for name in outputs if name not in found]:
        raise LoadFailed(f"{compiled.model_file.name} has no output {missing[0]!r}, which its signature promises")
    return OnnxRuntime(session, outputs)
