"""What a test knows of a model without asking the server: its signature, some rows, and scikit-learn's own answers."""

from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from services.core.signature import Signature


class Facts(msgspec.Struct, frozen=True):
    """Rows as `/predict/batch` takes them, with the predictions and, for a classifier, the probabilities of each."""

    name: str
    signature: Signature
    rows: list[Any]
    predictions: list[Any]
    probabilities: list[Any] | None = None

    def tensors(self, count: int) -> list[dict[str, Any]]:
        """Return the first rows as inputs of a V2 request, data flat."""
        rows = self.rows[:count]
        return [
            {
                "name": spec.name,
                "datatype": spec.datatype,
                "shape": [count, *spec.shape[1:]],
                "data": [row[spec.name] for row in rows] if isinstance(rows[0], dict) else list(chain(*rows)),
            }
            for spec in self.signature.inputs
        ]

    @property
    def output_names(self) -> list[str]:
        return [spec.name for spec in self.signature.outputs]


def write(folder: Path, facts: Facts) -> None:
    """Write the facts beside the model's folder."""
    _file(folder, facts.name).write_bytes(msgspec.json.encode(facts))


def read(folder: Path, name: str) -> Facts:
    """Read the facts of a model that was built there."""
    return msgspec.json.decode(_file(folder, name).read_bytes(), type=Facts)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.facts.json"
