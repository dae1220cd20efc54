"""Why a process ends, in the file where Kubernetes looks for it: the termination log of a container."""

import contextlib
import os
import signal
from pathlib import Path

from services.core.errors import SettingsInvalid

# The kubelet reads no more.
MAX_BYTES = 4096


class LastWords:
    """The file, or nothing. It is written in place: in a container it is a mount, which cannot be replaced."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def clear(self) -> None:
        """Empty the file, so that what is in it later was written by this process or one below it.

        Raises SettingsInvalid when it cannot be written.
        """
        if self._path is None:
            return
        try:
            self._path.write_bytes(b"")
        except OSError as error:
            raise SettingsInvalid(f"TRIVET_TERMINATION_LOG: {self._path}: {error.strerror}") from error

    def write(self, reason: str) -> None:
        """Write the reason as one line, cut to what the kubelet reads."""
        if self._path is None:
            return
        line = " ".join(reason.split()).encode()[:MAX_BYTES].decode(errors="ignore")
        with contextlib.suppress(OSError):  # `clear` has said so
            self._path.write_text(line)

    def were_written(self) -> bool:
        """Whether there is a reason in the file."""
        return self._path is not None and self._path.stat().st_size > 0

    def end(self, reason: str, supervisor_pid: int) -> None:
        """Write the reason, and ask the process that holds the others to end, which then ends with code 1."""
        if self._path is not None:
            self.write(reason)
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor_pid, signal.SIGTERM)
