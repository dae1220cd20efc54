"""The way of log lines from the replicas to the standard output of `trivet serve`.

Ray would forward a replica's output with a prefix before every line, and a process more for it; here the lines stay as
they are, and cost a copy for every few kilobytes.
"""

import asyncio
import socket
from functools import partial
from pathlib import Path
from typing import BinaryIO

READ_BYTES = 64 * 1024


async def listen(path: Path, output: BinaryIO) -> asyncio.Server:
    """Copy what comes over this Unix socket to the output, whole lines at a time, until the server is closed."""
    return await asyncio.start_unix_server(partial(_copy, output), path, limit=READ_BYTES)


def connect(path: str) -> BinaryIO:
    """Return a stream whose lines go to the listener at this path."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection.makefile("wb")


async def _copy(output: BinaryIO, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    rest = b""
    while data := await reader.read(READ_BYTES):
        lines, newline, rest = (rest + data).rpartition(b"\n")
        output.write(lines + newline)
        output.flush()
    writer.close()
