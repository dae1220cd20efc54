"""A RayService's manifest: the Serve deployment in it that scales."""

from typing import Any

import msgspec
import yaml
from msgspec import Struct

from services.simulate.objects import Object, fields
from services.simulate.ray import RayServe

POLICY = "services.engines.ray.policy:InFlightPolicy"
# What `num_replicas: auto` stands for.
AUTO = {"min_replicas": 1, "max_replicas": 100, "target_ongoing_requests": 2}


class _Served(Struct):
    name: str
    num_replicas: int | str | None = None
    autoscaling_config: dict[str, Any] | None = None


class _Application(Struct):
    deployments: list[_Served] = []


class _Serve(Struct):
    applications: list[_Application] = []


class _Spec(Struct, rename={"serve_config": "serveConfigV2"}):
    serve_config: str


def read(one: Object) -> RayServe | int:
    """Return the autoscaler of a RayService's only Serve deployment, or its number of replicas.

    Raises msgspec.ValidationError or ValueError.
    """
    try:
        config = yaml.safe_load(fields(one.get("spec"), _Spec).serve_config)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"serveConfigV2 is no YAML: {' '.join(str(error).split())}") from error
    served = [each for application in fields(config, _Serve).applications for each in application.deployments]
    if len(served) != 1:
        raise ValueError(f"serveConfigV2 names {len(served)} Serve deployments; one was expected")
    only = served[0]
    if only.autoscaling_config is None and only.num_replicas != "auto":
        if isinstance(only.num_replicas, str):
            raise ValueError(f"num_replicas {only.num_replicas!r} is neither a number nor auto")
        return only.num_replicas or 1
    return _spec(AUTO if only.num_replicas == "auto" else {}, only.autoscaling_config)


def _spec(defaults: dict[str, Any], given: dict[str, Any] | None) -> RayServe:
    config = {**defaults, **(given or {})}
    policy = config.pop("policy", None)
    if policy is not None:
        if not isinstance(policy, dict) or policy.get("policy_function") != POLICY:
            raise ValueError(f"this policy cannot be simulated; Serve's own and {POLICY} can")
        kwargs = policy.get("policy_kwargs")
        config["target_ongoing_requests"] = kwargs.get("target_in_flight") if isinstance(kwargs, dict) else None
    # Integers where Serve takes any number.
    spec: RayServe = msgspec.convert({**config, "prometheus": policy is not None}, RayServe)
    if spec.min_replicas > spec.max_replicas:
        raise ValueError(f"min_replicas {spec.min_replicas} is more than max_replicas {spec.max_replicas}")
    return spec
