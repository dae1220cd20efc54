"""What executes a model, seen from core."""

from typing import Protocol

from services.core.tensors import Tensors


class Runtime(Protocol):
    """A loaded model. Lives in `services/runtimes`, one file each, and is passed in.

    A runtime may be called from one thread at a time, and not always from the same one.
    """

    platform: str
    """The protocol's platform word, such as `onnx_onnxv1`."""

    def predict(self, inputs: Tensors) -> Tensors:
        """Run one batch.

        inputs: every input of the signature by name, of exactly its datatype; the first axis is the batch.
        Returns every output of the signature by name; the first axis is the same batch, in the same order.
        Raises any exception when the run fails; the model stays usable.
        """

    def close(self) -> None:
        """Free what the model holds; predict is not called afterwards."""
