"""A PostgreSQL server of the machine's own packages, in a temporary folder, reached by a Unix socket."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.tools import find_tool

# initdb and postgres refuse to run as root; Debian's packages make this user.
SERVER_USER = "postgres"


class PostgresServer:
    """One server, stopped until `start`. url: of its database, for SQLAlchemy with psycopg."""

    def __init__(self) -> None:
        initdb = find_tool("initdb")
        assert initdb is not None, "PostgreSQL is missing; the tests that need it are skipped"
        self._programs = Path(initdb).parent
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="trivet-postgres-"))
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run("initdb", "--auth=trust", "--username=trivet", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._numbers = itertools.count()
        self.url = f"postgresql://trivet@/postgres?host={self._folder}"

    def new_database(self) -> str:
        """Return the URL of a new, empty database; the server runs then."""
        self.start()  # a test that failed may have left it stopped
        name = f"log_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._runs():
            return
        options = f"-F -c listen_addresses='' -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "--wait", f"--log={self._folder}/server.log", f"--options={options}", "start")

    def stop(self) -> None:
        """Stop the server as a crash would: connections break."""
        self._run("pg_ctl", "--wait", "--mode=immediate", "stop")

    def remove(self) -> None:
        """Stop the server if it runs, and delete its folder."""
        if self._runs():
            self.stop()
        shutil.rmtree(self._folder)

    def _runs(self) -> bool:
        return (self._folder / "data/postmaster.pid").exists()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--pgdata={self._folder}/data", *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server, one for the session; a test that stops it starts it again."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()
