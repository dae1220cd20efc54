"""What compiling needs of the scikit-learn runtime, passed in so that the two packages stay apart."""

from pathlib import Path
from typing import Any, Protocol

from services.core.runtime import Runtime
from services.core.signature import Signature


class Adapter(Protocol):
    """Estimators as serving runs them; `services/runtimes/sklearn.py` is one."""

    def read(self, file: Path | bytes, trusted_types: tuple[str, ...]) -> Any:
        """Return the estimator of a skops file; LoadFailed when it holds a type that is not trusted."""

    def adapt(self, estimator: Any, signature: Signature) -> Runtime:
        """Return a runtime over a fitted estimator."""

    def takes_text(self, estimator: Any) -> bool:
        """Whether the estimator takes a list of texts in place of a matrix."""
