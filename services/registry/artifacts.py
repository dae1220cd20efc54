"""The files of a version that an MLflow server serves itself (`mlflow-artifacts:/…`), without importing MLflow.

What the server lists is not trusted: every name is one plain segment, so that nothing is written outside the folder.
Whether the files are what was published, their digest tells.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import msgspec

from services.core.errors import LoadFailed
from services.registry.mlflow_server import MlflowServer

SCHEME = "mlflow-artifacts:/"
_PATH = "mlflow-artifacts/artifacts"
# A compiled model is six to ten files in one folder.
MAX_ENTRIES = 1000
# An ONNX file ends at 2 GiB; a forest that is kept as skops may be larger.
MAX_BYTES = 8 * 1024**3


class _Entry(msgspec.Struct, frozen=True):
    path: str
    is_dir: bool = False


class _Listing(msgspec.Struct, frozen=True):
    files: list[_Entry] = []


def are_served(source: str) -> bool:
    """Whether a version's files lie behind the registry's own server, not another one's."""
    return source.startswith(SCHEME) and not source.startswith(SCHEME + "/")


def download(server: MlflowServer, source: str, folder: Path, wanted: object) -> None:
    """Download everything below a source into an empty folder.

    wanted: whose files, as messages name it. Raises LoadFailed, with what to do, and OSError when it cannot write.
    """
    root = PurePosixPath(source.removeprefix(SCHEME))
    for part in root.parts:
        _check_plain(part, wanted)
    entries, left_bytes = 0, MAX_BYTES
    folders = [PurePosixPath()]
    while folders:
        below = folders.pop()
        for entry in server.ask(wanted, _Listing, _PATH, path=str(root / below)).files:
            _check_plain(entry.path, wanted)
            entries += 1
            if entries > MAX_ENTRIES:
                raise LoadFailed(f"{wanted} has more than {MAX_ENTRIES} files: publish it again")
            path = below / entry.path
            if entry.is_dir:
                folders.append(path)
                continue
            left_bytes -= _save(server.read(wanted, f"{_PATH}/{root / path}"), folder / path, left_bytes, wanted)
    if not entries:
        raise LoadFailed(f"{wanted} has no files at {source}: publish it again")


def _check_plain(name: str, wanted: object) -> None:
    if name in {"", ".", ".."} or not name.isprintable() or set(name) & {"/", "\\"}:
        raise LoadFailed(f"{wanted} has a file called {name!r}, which no compiled model has: publish it again")


def _save(blocks: Iterable[bytes], file: Path, at_most_bytes: int, wanted: object) -> int:
    """Write a file block by block and return its size."""
    size = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as target:
        for block in blocks:
            size += len(block)
            if size > at_most_bytes:
                raise LoadFailed(f"{wanted} has more than {MAX_BYTES} bytes: publish a smaller model")
            target.write(block)
    return size
