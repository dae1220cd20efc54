"""Valid inputs for a model that is known by its metadata, or by a request that somebody gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.client.datatypes import DATATYPES, FLOATS

# So many different rows are made; more than any check of the conformance suite asks at once.
ROWS = 12


class Input(NamedTuple):
    """One input of the model. shape: of one row, without the batch; data: for each row, flat."""

    name: str
    datatype: str
    shape: list[int]
    data: list[list[Any]]


@dataclass(frozen=True)
class Inputs:
    """Everything that is needed to ask. batched: the first axis is the batch, of any size."""

    tensors: tuple[Input, ...]
    batched: bool

    @property
    def row_count(self) -> int:
        """Return how many different rows there are."""
        return len(self.tensors[0].data)

    def flat(self, *rows: int) -> list[dict[str, Any]]:
        """Return these rows as the inputs of a request, data flat."""
        return [
            {
                "name": tensor.name,
                "shape": [len(rows), *tensor.shape] if self.batched else tensor.shape,
                "datatype": tensor.datatype,
                "data": [value for row in rows for value in tensor.data[row]],
            }
            for tensor in self.tensors
        ]

    def nested(self, *rows: int) -> list[dict[str, Any]]:
        """Return these rows as the inputs of a request, data in its natural shape."""
        return [tensor | {"data": nest(tensor["data"], tensor["shape"])} for tensor in self.flat(*rows)]


def flat(data: Any) -> list[Any]:
    """Return nested lists as one."""
    return [value for item in data for value in flat(item)] if isinstance(data, list) else [data]


def nest(data: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    """Return flat data as nested lists."""
    if len(shape) <= 1:
        return list(data)
    size = len(data) // shape[0] if shape[0] else 0
    return [nest(data[at * size : (at + 1) * size], shape[1:]) for at in range(shape[0])]


def from_metadata(described: Any) -> Inputs | None:
    """Make rows that fit a model's `inputs`; None when they do not say what fits."""
    if not isinstance(described, list) or not described or not all(map(_is_usable, described)):
        return None
    batched = all(tensor["shape"] and tensor["shape"][0] == -1 for tensor in described)
    tensors = []
    for tensor in described:
        shape = [1 if size == -1 else size for size in tensor["shape"][batched:]]
        size = _size(shape)
        rows = [[_value(tensor["datatype"], row, at) for at in range(size)] for row in range(ROWS)]
        tensors.append(Input(tensor["name"], tensor["datatype"], shape, rows))
    return Inputs(tuple(tensors), batched)


def from_request(request: Any) -> Inputs:
    """Take the rows of a V2 request. Its first axis is the batch. Raises ValueError when it is no such request."""
    try:
        listed = [
            (tensor["name"], tensor["datatype"], tensor["shape"], flat(tensor["data"])) for tensor in request["inputs"]
        ]
        (count,) = {shape[0] for _, _, shape, _ in listed}
        tensors = []
        for name, datatype, shape, data in listed:
            size = _size(shape[1:])
            if len(data) != count * size or count < 1 or datatype not in DATATYPES:
                raise ValueError("data must fill its shape")
            tensors.append(
                Input(name, datatype, shape[1:], [data[row * size : (row + 1) * size] for row in range(count)])
            )
        return Inputs(tuple(tensors), batched=True)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no inputs of a V2 request: {error!r}") from error


def _is_usable(tensor: Any) -> bool:
    return (
        isinstance(tensor, Mapping)
        and isinstance(tensor.get("name"), str)
        and tensor.get("datatype") in DATATYPES
        and isinstance(tensor.get("shape"), list)
        and all(type(size) is int and size >= -1 for size in tensor["shape"])
    )


def _size(shape: Sequence[int]) -> int:
    size = 1
    for axis in shape:
        size *= axis
    return size


def _value(datatype: str, row: int, at: int) -> Any:
    """Return a value that is small, and differs from row to row and from column to column."""
    step = (5 * row + 3 * at) % 13
    if datatype in FLOATS:
        return 0.5 + step / 2
    if datatype == "BOOL":
        return step % 2 == 0
    if datatype == "BYTES":
        return "abcdefghijklm"[step]
    return step
