"""Reads the prediction log in pages, newest requests first; writes nothing, and never makes a table."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Text, and_, cast, or_, select
from sqlalchemy.exc import SQLAlchemyError

from services.core.errors import TrivetError
from services.prediction_log.database import dialect, name_of
from services.prediction_log.tables import feedback, predictions

# About 10 MB of payloads at their default cap, and each page is one short statement that no writer waits for.
PAGE_ROWS = 500


class Logged(msgspec.Struct, frozen=True):
    """One row of `predictions`; inputs and outputs are JSON text, None where they were left out."""

    id: Any
    at: datetime
    request_id: str
    version: str | None
    digest: str | None
    code: int
    inputs: str | None
    outputs: str | None
    compute_seconds: float | None


class Selection(msgspec.Struct, frozen=True):
    """Which requests: of one model, from `since` until before `until`, the newest `limit` of them."""

    model: str
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 10_000


class Reader:
    """One connection, made when it is needed. Raises TrivetError where there is no prediction log to read."""

    def __init__(self, url: str) -> None:
        self._name = name_of(url)
        self._engine = dialect(self._name).make_reader(url)
        self.more = False

    def pages(self, selection: Selection) -> Iterator[list[Logged]]:
        """Yield the selected requests, newest first. Afterwards `more` says whether the limit left older ones out."""
        left, last = selection.limit, None
        with self._connected() as connection:
            while left > 0:
                statement = _page(selection, last).limit(min(PAGE_ROWS, left))
                page = [Logged(*row) for row in connection.execute(statement)]
                connection.rollback()
                if not page:
                    return
                yield page
                left -= len(page)
                last = page[-1]
            self.more = connection.execute(_page(selection, last).limit(1)).first() is not None

    def truths(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Return what was last told about each of a page of requests, as JSON text by request id."""
        if not request_ids:
            return {}
        columns = feedback.c
        statement = select(columns.request_id, cast(columns.truth, Text)).where(columns.request_id.in_(request_ids))
        with self._connected() as connection:
            return {str(row[0]): str(row[1]) for row in connection.execute(statement.order_by(columns.at, columns.id))}

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            lines = str(getattr(error, "orig", None) or error).splitlines()
            raise TrivetError(
                f"the prediction log cannot be read from {self._name}: {lines[0] if lines else type(error).__name__}: "
                "a server makes it with its first request, where TRIVET_DATABASE_URL says"
            ) from error


def _page(selection: Selection, last: Logged | None) -> Select[Any]:
    """Return the requests before the last one that was read, newest first, along the index of `at`."""
    columns = predictions.c
    wanted = [columns.model == selection.model]
    if selection.since is not None:
        wanted.append(columns.at >= selection.since)
    if selection.until is not None:
        wanted.append(columns.at < selection.until)
    if last is not None:
        wanted.append(and_(columns.at <= last.at, or_(columns.at < last.at, columns.id < last.id)))
    return (
        select(
            columns.id,
            columns.at,
            columns.request_id,
            columns.version,
            columns.digest,
            columns.code,
            # As text: what the drivers make of JSON differs, and numbers would not stay as they were written.
            cast(columns.inputs, Text),
            cast(columns.outputs, Text),
            columns.compute_seconds,
        )
        .where(*wanted)
        .order_by(columns.at.desc(), columns.id.desc())
    )
