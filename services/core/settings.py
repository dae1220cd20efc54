"""Every setting of a server, read once at start. The only module that reads the environment."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.core.errors import SettingsInvalid

PREFIX = "TRIVET_"
# Variables with the prefix that are for make and CI.
NOT_SETTINGS = frozenset({"TRIVET_CLUSTER_UP"})

Engine = Literal["fastapi", "bentoml", "ray"]


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The settings of one server; each is the environment variable TRIVET_ + its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True, extra="forbid", populate_by_name=True
    )

    model: str = "models:/iris-classifier@production"
    """The model to serve: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, or the folder of a compiled model."""

    tracking_uri: str | None = Field(None, validation_alias="MLFLOW_TRACKING_URI", repr=False)
    """MLflow's own variable: where the registry is. Unset: the embedded one in the home folder."""

    tracking_token: str | None = Field(None, validation_alias="MLFLOW_TRACKING_TOKEN", repr=False)
    """MLflow's own variable: the token of the registry."""

    tracking_username: str | None = Field(None, validation_alias="MLFLOW_TRACKING_USERNAME")
    """MLflow's own variable: the user of the registry."""

    tracking_password: str | None = Field(None, validation_alias="MLFLOW_TRACKING_PASSWORD", repr=False)
    """MLflow's own variable: the user's password."""

    metrics_folder: Path | None = Field(None, validation_alias="PROMETHEUS_MULTIPROC_DIR")
    """Prometheus's own variable: where several worker processes share their metrics; set by `--workers`."""

    host: str = "0.0.0.0"
    """The address to listen on: every interface, as a container needs; 127.0.0.1 keeps it to this machine."""

    port: int = Field(8000, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    home: Path = Path(".trivet")
    """The folder of everything embedded: the registry and the prediction log on SQLite, and the cache of models."""

    watch_interval_seconds: float = Field(0, ge=0)
    """How often the server asks the registry which version its URI names, and serves that. 0: only once, after a start
    from the cache."""

    max_batch_rows: int = Field(256, ge=1, le=65536)
    """The most rows that dynamic batching merges into one run. More gains little on CPU and delays those who wait."""

    batch_wait_seconds: float = Field(0, ge=0, le=10)
    """How long a batch waits for more rows while the runtime is idle. 0: a free runtime takes whatever is queued."""

    max_queue_rows: int = Field(4096, ge=1)
    """The most rows that may wait; above it 429. A request larger than a batch counts as one batch."""

    max_queue_seconds: float = Field(0, ge=0)
    """The longest wait for a run that admission accepts, by the measured service rate. 0: what makes an answer take two
    full batches of an unloaded server; at least 0.01, and without batching as long as 32 runs."""

    max_request_rows: int = Field(100_000, ge=1)
    """The most rows of one request; above it 413."""

    request_timeout_seconds: float = Field(30, gt=0, le=3600)
    """How long a request may wait and run; a client may ask for less, never for more."""

    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    """The largest request body, in bytes; above it 413, and nothing further is read."""

    max_header_bytes: int = Field(64 * 1024, ge=1024)
    """The largest request head, in bytes; above it 431 and a closed connection."""

    header_timeout_seconds: float = Field(10, gt=0)
    """How long a client may take to send its headers; then 408 and a closed connection."""

    body_timeout_seconds: float = Field(30, gt=0)
    """How long a client may take to send its body; then 408 and a closed connection."""

    keep_alive_seconds: int = Field(75, ge=1)
    """How long an idle connection stays open; longer than the idle time-out of the proxy in front."""

    drain_wait_seconds: float = Field(1, ge=0)
    """How long a draining server still accepts requests while its readiness is already false."""

    drain_timeout_seconds: float = Field(30, ge=0)
    """How long a draining server waits for in-flight requests before it exits without them."""

    runtime_threads: int = Field(1, ge=1)
    """Threads of one ONNX run. More than 1 makes a row's last digits depend on the batch it is in."""

    trusted_types: Names = ()
    """Types that a skops file may hold besides the defaults, separated by commas: the operator's to say, never the
    file's."""

    database_url: str = Field("embedded", repr=False)
    """Where the prediction log is: an SQLAlchemy URL for SQLite or PostgreSQL, `embedded` for a SQLite file in the home
    folder, or empty for no log."""

    database_url_file: Path | None = None
    """A file that holds the database URL, for a URL with a password."""

    log_sample_ratio: float = Field(1, ge=0, le=1)
    """The share of answered requests in the prediction log. Refused and failed ones are all logged, unless it is 0."""

    log_payloads: Literal["all", "none"] = "all"
    """Whether the prediction log keeps inputs and outputs."""

    log_redact: Names = ()
    """Inputs or columns whose values the prediction log replaces by "redacted", separated by commas."""

    log_max_payload_bytes: int = Field(16 * 1024, ge=0)
    """The most bytes of inputs, and of outputs, in one row of the prediction log; longer ones are left out."""

    log_queue_rows: int = Field(20_000, ge=1)
    """The most rows that wait to be written to the prediction log; beyond it the oldest are dropped and counted."""

    log_retention_days: float = Field(30, ge=0)
    """Rows of the prediction log older than this are deleted; 0 keeps them for ever."""

    api_keys_file: Path | None = None
    """A file of `name:key` lines; when set, every route but health and metrics needs one of the keys."""

    admin_keys_file: Path | None = None
    """A file of `name:key` lines that may use the admin routes; without it these answer 404."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log lines that are written; one line per request is `info`."""


def child_environment(metrics_folder: Path) -> dict[str, str]:
    """Return the environment of a worker process, which shares its metrics in this folder."""
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder)}


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; an override that is not None wins.

    Raises SettingsInvalid, with the nearest right name for an unknown variable.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in known:
            nearest = difflib.get_close_matches(variable, known, n=1, cutoff=0)[0]
            raise SettingsInvalid(f"{variable} is no setting; did you mean {nearest}?")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith(("MLFLOW_", "PROMETHEUS_")) else PREFIX + name
        raise SettingsInvalid(f"{name}: {first['msg']}") from error
