"""A graph in onnxruntime, for comparing; serving has its own runtime."""

import onnxruntime

from services.core.tensors import Tensors


class Session:
    """Runs a graph on one thread; implements `core.runtime.Runtime`."""

    platform = "onnx_onnxv1"

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # What it would print about a graph that it refuses is in the exception, and from there in the report.
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._outputs = [output.name for output in self._session.get_outputs()]

    def predict(self, inputs: Tensors) -> Tensors:
        """Run one batch; see `core.runtime.Runtime`."""
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))

    def close(self) -> None:
        """Do nothing: the session goes with its last reference."""
