"""The options of the engine on a cluster: a typed file that becomes `serveConfigV2`.

`python -m services.engines.ray.config FILE` reads it as YAML and prints what `serve deploy` and a RayService take. Ray
itself accepts a minimum above the maximum, and takes an option that it does not know for a default.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from services.core.errors import SettingsInvalid
from services.engines.ray.user_config import UserConfig, settings_of

NAME = "trivet"
IMPORT_PATH = "services.engines.ray.app:app"
# Ray's name for the replicas' class, by which a configuration sets their options.
REPLICAS = "Predictor"
POLICY = "services.engines.ray.policy:InFlightPolicy"

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0)]


class Autoscaling(Struct, frozen=True, forbid_unknown_fields=True):
    """Between how many replicas Ray chooses, and by what.

    A replica takes seconds to start, so there is always one. prometheus: ask Prometheus for what is in flight instead
    of counting in the replicas; see policy.py.
    """

    max_replicas: Count
    min_replicas: Count = 1
    target_ongoing_requests: Annotated[float, Meta(gt=0)] = 8
    upscale_delay_seconds: Seconds = 15
    downscale_delay_seconds: Seconds = 300
    prometheus: bool = False

    def __post_init__(self) -> None:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is more than max_replicas {self.max_replicas}")

    def for_ray(self) -> dict[str, Any]:
        """Return Ray's `autoscaling_config`."""
        options: dict[str, Any] = {
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "target_ongoing_requests": self.target_ongoing_requests,
            "upscale_delay_s": self.upscale_delay_seconds,
            "downscale_delay_s": self.downscale_delay_seconds,
        }
        if self.prometheus:
            kwargs = {"target_in_flight": self.target_ongoing_requests}
            options["policy"] = {"policy_function": POLICY, "policy_kwargs": kwargs}
        return options


class EngineConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be said about the replicas. num_gpus: whole ones, or a share of one.

    max_queued_requests: Ray's own limit for each replica; above it Ray refuses with 503 in its own words, so by default
    there is none, and admission refuses. drain_seconds: how long a replica may take to end.
    """

    num_replicas: Count | None = None
    autoscaling: Autoscaling | None = None
    num_cpus: Annotated[float, Meta(ge=0)] = 1
    num_gpus: Annotated[float, Meta(ge=0)] = 0
    max_ongoing_requests: Count = 10_000
    max_queued_requests: Annotated[int, Meta(ge=-1)] = -1
    health_check_period_seconds: Annotated[float, Meta(gt=0)] = 10
    health_check_timeout_seconds: Annotated[float, Meta(gt=0)] = 30
    drain_seconds: Seconds = 35
    host: str = "0.0.0.0"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    user_config: UserConfig = UserConfig()

    def __post_init__(self) -> None:
        if self.autoscaling is not None and self.num_replicas is not None:
            raise ValueError("num_replicas and autoscaling exclude each other")
        if self.num_gpus > 1 and self.num_gpus != int(self.num_gpus):
            raise ValueError(f"num_gpus {self.num_gpus} is neither whole nor a share of one GPU")
        if self.max_queued_requests == 0:
            raise ValueError("max_queued_requests 0 would refuse every request that waits: -1 is no limit")
        if self.autoscaling and self.autoscaling.target_ongoing_requests > self.max_ongoing_requests:
            raise ValueError("target_ongoing_requests is more than max_ongoing_requests, so Ray would never scale out")


def read(text: str) -> EngineConfig:
    """Read a configuration in YAML. Raises SettingsInvalid, in one sentence that names the field."""
    try:
        config = msgspec.yaml.decode(text or "{}", type=EngineConfig)
    except msgspec.DecodeError as error:
        raise SettingsInvalid(f"the configuration does not fit: {' '.join(str(error).split())}") from error
    settings_of(config.user_config)  # their bounds are those of the settings
    return config


def serve_config(config: EngineConfig) -> dict[str, Any]:
    """Return the dict that is `serveConfigV2`."""
    replicas: dict[str, Any] = {
        "name": REPLICAS,
        "ray_actor_options": {"num_cpus": config.num_cpus, "num_gpus": config.num_gpus},
        "max_ongoing_requests": config.max_ongoing_requests,
        "max_queued_requests": config.max_queued_requests,
        "health_check_period_s": config.health_check_period_seconds,
        "health_check_timeout_s": config.health_check_timeout_seconds,
        "graceful_shutdown_timeout_s": config.drain_seconds,
        "user_config": config.user_config.for_ray(),
    }
    if config.autoscaling is None:
        replicas["num_replicas"] = config.num_replicas or 1
    else:
        replicas["autoscaling_config"] = config.autoscaling.for_ray()
    application = {"name": NAME, "route_prefix": "/", "import_path": IMPORT_PATH, "deployments": [replicas]}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": config.host, "port": config.port},
        "applications": [application],
    }


def main() -> None:
    """Print the `serveConfigV2` of the file that the command line names; exit code 3 where it does not fit."""
    try:
        made = serve_config(read(Path(sys.argv[1]).read_text()))
    except SettingsInvalid as error:
        print(f"trivet: {error.message}", file=sys.stderr)  # noqa: T201 - a command
        sys.exit(3)
    sys.stdout.write(msgspec.yaml.encode(made).decode())


if __name__ == "__main__":
    main()
