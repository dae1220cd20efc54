"""Every setting of a server, read once at start. The only module that reads the environment."""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.core.errors import SettingsInvalid

PREFIX = "TRIVET_"
# Variables with the prefix that are for make and CI.
NOT_SETTINGS = frozenset({"TRIVET_CLUSTER_UP"})

_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$")

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
    """The models to serve, separated by commas: `models:/NAME@ALIAS`, `models:/NAME/VERSION`, the folder of a compiled
    model, or `models:/?TAG=VALUE@ALIAS` for every registered model with that tag, by that alias."""

    default_model: str | None = None
    """The name of the model that `/predict` and `/predict/batch` ask. Unset: the one that is served; where there are
    several, these two answer 404."""

    model_memory_bytes: int = Field(0, ge=0)
    """How much memory the loaded models of one process may take. For one more, the least recently used ones are freed,
    and loaded again by the next request for them; docs/operations.md says how it is measured. 0: no limit."""

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

    bentoml_home: Path | None = Field(None, validation_alias="BENTOML_HOME")
    """BentoML's own variable: where its models and Bentos are. Unset: the folder `bentoml` in the home folder."""

    bento: Path | None = Field(None, validation_alias="BENTO_PATH")
    """BentoML's own variable: the folder of a Bento, which `--engine bentoml` then serves instead of the code that is
    installed. One that was built with a model serves that, any other what TRIVET_MODEL names."""

    ray_address: str | None = Field(None, validation_alias="RAY_ADDRESS")
    """Ray's own variable: the Ray cluster that `--engine ray` joins. Unset: a Ray of its own on this machine."""

    ray_proxy: Literal["haproxy", "python"] = "haproxy"
    """What stands before the replicas of `--engine ray` on a Ray of its own: HAProxy, where it is installed, or Ray's
    own proxy, which is slower."""

    host: str = "0.0.0.0"
    """The address to listen on: every interface, as a container needs; 127.0.0.1 keeps it to this machine."""

    port: int = Field(8000, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    home: Path = Path(".trivet")
    """The folder of everything embedded: the registry and the prediction log on SQLite, and the cache of models."""

    watch_interval_seconds: float = Field(30, ge=0)
    """How often the server asks the registry which version its alias names, and serves that; docs/operations.md says
    what that costs the registry. 0: only once, after a start from the cache."""

    sample_tolerance: float = Field(1e-4, ge=0)
    """How far a model's answers to its own sample may be from what they were when it was published, relative to the
    larger of their size and 1; one that is further away is not loaded. 0: nothing is compared."""

    swap_same_signature: bool = True
    """Whether a version must take and give what the clients of the served one send and read. False: any signature may
    take over."""

    swap_max_slowdown: float = Field(5, ge=0)
    """How many times as long as the served version a new one may take for its warm-up batches. 0: as long as it
    likes."""

    swap_max_changed_ratio: float = Field(0.5, ge=0, le=1)
    """The share of the last answered rows that a new version may answer otherwise. 0: none. 1: all, so that nothing is
    compared."""

    swap_replay_rows: int = Field(1000, ge=0)
    """The most rows of answered requests that a model keeps in memory, for a new version to answer before it takes
    over. 0: none, so that no answers are compared."""

    swap_replay_max_bytes: int = Field(16 * 1024 * 1024, ge=0)
    """The most bytes that these rows may take."""

    shadow: str = ""
    """A candidate to compare with the model: `models:/NAME@ALIAS` or `models:/NAME/VERSION` of the same name. It runs
    on a share of the answered requests, after them, and answers nobody. Empty: none."""

    shadow_sample_ratio: float = Field(0.1, ge=0, le=1)
    """The share of the answered requests that the shadow runs on, too."""

    shadow_queue_rows: int = Field(1000, ge=1)
    """The most rows that wait for the shadow; beyond it a request is dropped for the shadow, and counted."""

    shadow_queue_max_bytes: int = Field(16 * 1024 * 1024, ge=0)
    """The most bytes that these rows may take."""

    canary: str = ""
    """A candidate that answers some of the requests: `models:/NAME@ALIAS` or `models:/NAME/VERSION` of the same name.
    Empty: none. A server has a canary or a shadow, not both."""

    canary_weight: float = Field(0.1, ge=0, le=1)
    """The share of the requests that the canary answers, of those that name no version. A key below decides by its
    hash, so a larger weight takes further keys and keeps those that it had."""

    canary_header: str = Field("X-Canary-Key", pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    """The header whose value decides who answers, the same on every process and engine, such as a user's id. A request
    without it falls at random."""

    max_batch_rows: int = Field(256, ge=1, le=65536)
    """The most rows that dynamic batching merges into one run. More gains little on CPU and delays those who wait."""

    batch_wait_seconds: float = Field(0, ge=0, le=10)
    """How long a batch waits for more rows while the runtime is idle. 0: a free runtime takes whatever is queued."""

    max_queue_rows: int = Field(4096, ge=1)
    """The most rows that may wait; above it 429. A request larger than a batch counts as one batch."""

    max_queue_seconds: float = Field(0, ge=0)
    """The longest wait for a run that admission accepts, by the measured service rate. 0: what lets an answer take less
    than two full batches of an unloaded server (without batching, of 32 runs). Half a batch in flight always may."""

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

    termination_log: Path | None = None
    """The file for the reason why the server cannot start, in a container `/dev/termination-log`. With it, a server
    whose first load fails ends with code 1, and is started again by whoever keeps it running. Unset: it stays, and is
    not ready. Not on `ray`, whose health check says so."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log lines that are written; one line per request is `info`."""


def child_environment(metrics_folder: Path) -> dict[str, str]:
    """Return the environment of a worker process, which shares its metrics in this folder."""
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder)}


def hand_down(variables: Mapping[str, object], *, as_defaults: bool = False) -> None:
    """Set variables of other programs here and for child processes. as_defaults: one that is set stays as it is."""
    for name, value in variables.items():
        if not (as_defaults and name in os.environ):
            os.environ[name] = str(value)


def _is_service_link(variable: str) -> bool:
    """Whether Kubernetes made a variable, as it does of every Service whose name begins with ours."""
    return bool(_SERVICE_LINK.search(variable)) or os.environ[variable].startswith(("tcp://", "udp://", "sctp://"))


def termination_log() -> Path | None:
    """Return TRIVET_TERMINATION_LOG, to be known even where another setting is wrong."""
    path = os.environ.get(f"{PREFIX}TERMINATION_LOG")
    return Path(path) if path else None


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; an override that is not None wins.

    Raises SettingsInvalid, with the nearest right name for an unknown variable.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields} | NOT_SETTINGS
    for variable in os.environ:
        if variable.startswith(PREFIX) and variable not in known:
            if _is_service_link(variable):
                raise SettingsInvalid(f"{variable} tells of a Service: set enableServiceLinks: false in the pod's spec")
            nearest = difflib.get_close_matches(variable, known, n=1, cutoff=0)[0]
            raise SettingsInvalid(f"{variable} is no setting; did you mean {nearest}?")
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith(("MLFLOW_", "PROMETHEUS_", "BENTO", "RAY_")) else PREFIX + name
        raise SettingsInvalid(f"{name}: {first['msg']}") from error
