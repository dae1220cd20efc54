"""An MLflow server over HTTP, by the standard library alone: its answers, its files, and its refusals in a sentence."""

import base64
import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from services.core.errors import LoadFailed

# For one connection, and for each piece of an answer.
_TIMEOUT_SECONDS = 10
# A gigabyte at 2 MB/s.
DOWNLOAD_SECONDS = 600
_BLOCK_BYTES = 256 * 1024
# A version's tags and a folder's names take a few thousand.
_MAX_ANSWER_BYTES = 1024 * 1024
_REMEDIES = {
    401: "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    403: "let these credentials read it, and name the registry's host in its --allowed-hosts",
    404: "`trivet publish` puts it there",
}

T = TypeVar("T")


class Credentials(msgspec.Struct, frozen=True):
    """MLflow's own: a token, or a user and a password."""

    token: str | None = None
    username: str | None = None
    password: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the Authorization header, if there is anything to say."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.username and self.password is not None:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}


class _Refusal(msgspec.Struct, frozen=True):
    message: str


class MlflowServer:
    """Asks one server for one model; everything together may take DOWNLOAD_SECONDS.

    Every method raises LoadFailed, with what to do, when the server does not answer, or not with 200.
    """

    def __init__(self, tracking_uri: str, credentials: Credentials) -> None:
        url = urlsplit(tracking_uri)
        try:
            self._host, self._port = url.hostname or "", url.port
        except ValueError as error:
            raise LoadFailed(f"MLFLOW_TRACKING_URI is no URL: {error}") from error
        self._kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._root = f"{url.path.rstrip('/')}/api/2.0"
        if url.username:
            credentials = Credentials(username=unquote(url.username), password=unquote(url.password or ""))
        self._headers = credentials.headers()
        self._deadline = time.monotonic() + DOWNLOAD_SECONDS

    def ask(self, wanted: object, answer: type[T], path: str, /, **query: str) -> T:
        """Return a JSON answer. wanted: what for, as messages name it."""
        body = b""
        for block in self.read(wanted, path, **query):
            body += block
            if len(body) > _MAX_ANSWER_BYTES:
                raise LoadFailed(f"the registry at {self._host} answered with more than a megabyte for {wanted}")
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LoadFailed(
                f"what answers at {self._host} is no MLflow, for {wanted}: check MLFLOW_TRACKING_URI ({error})"
            ) from error

    def read(self, wanted: object, path: str, /, **query: str) -> Iterator[bytes]:
        """Yield an answer's body as it arrives. path: below /api/2.0/, not yet quoted."""
        target = f"{self._root}/{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        with closing(self._kind(self._host, self._port, timeout=_TIMEOUT_SECONDS)) as connection:
            try:
                connection.request("GET", target, headers=self._headers)
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    raise self._refused(wanted, answer)
                while block := answer.read1(_BLOCK_BYTES):
                    self._check_time(wanted)
                    yield block
                if answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
            except (OSError, http.client.HTTPException) as error:
                raise LoadFailed(
                    f"the registry at {self._host} does not answer for {wanted}: {error}; "
                    "check MLFLOW_TRACKING_URI, and that it runs"
                ) from error

    def _refused(self, wanted: object, answer: http.client.HTTPResponse) -> LoadFailed:
        if location := answer.getheader("Location"):
            return LoadFailed(
                f"the registry at {self._host} sends {wanted} on to {location}: "
                "name the server that answers in MLFLOW_TRACKING_URI"
            )
        said = answer.read1(_BLOCK_BYTES)
        try:
            message = msgspec.json.decode(said, type=_Refusal).message
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = " ".join(said.decode(errors="replace").split())
        remedy = _REMEDIES.get(answer.status, "its own log says why")
        return LoadFailed(
            f"the registry at {self._host} answered {answer.status} for {wanted}: {message[:500]} ({remedy})"
        )

    def _check_time(self, wanted: object) -> None:
        if time.monotonic() > self._deadline:
            raise LoadFailed(
                f"the registry at {self._host} took longer than {DOWNLOAD_SECONDS} s for {wanted}: "
                "put the compiled model's folder on this machine, and name it in TRIVET_MODEL"
            )
