"""Ray Serve's autoscaler beside Ray's own code."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from ray.serve.autoscaling_policy import _apply_autoscaling_config, _core_replica_queue_length_policy
from ray.serve.config import AutoscalingConfig

from services.simulate.ray import RayScaler, RayServe
from services.simulate.world import Gone
from tests.unit.simulate.worlds import Said, follow

LOOK_SECONDS = 1.0


def rays_own(config, values, start):
    """Return what Ray decides, second by second, its clock being the number of the look."""
    policy, state, current, found = _apply_autoscaling_config(_core_replica_queue_length_policy), {}, start, []
    for second, value in enumerate(values):
        context = SimpleNamespace(
            config=config,
            current_num_replicas=current,
            target_num_replicas=current,
            total_num_requests=value,
            policy_state=state,
        )
        wanted, state = with_clock(second, lambda context=context: policy(context))
        current = min(max(wanted, config.min_replicas), config.max_replicas)
        found.append(current)
    return found


def with_clock(second, call):
    import ray.serve.autoscaling_policy as module

    real, module.time = module.time, SimpleNamespace(time=lambda: second * LOOK_SECONDS)
    try:
        return call()
    finally:
        module.time = real


@given(
    st.lists(st.sampled_from([0.0, 1.0, 3.0, 8.0, 30.0, 100.0]), max_size=60),
    st.integers(0, 2),
    st.sampled_from([None, 0.5, 2.0]),
    st.sampled_from([0.0, 3.0, 10.0]),
    st.sampled_from([0.0, 5.0, 20.0]),
    st.sampled_from([None, 2.0]),
)
def test_it_decides_as_ray_does(values, least, factor, up_seconds, down_seconds, to_zero_seconds):
    given_ = {
        "min_replicas": least,
        "max_replicas": 12,
        "target_ongoing_requests": 4.0,
        "upscale_delay_s": up_seconds,
        "downscale_delay_s": down_seconds,
        "downscale_to_zero_delay_s": to_zero_seconds,
        "upscaling_factor": factor,
        "downscaling_factor": factor,
    }
    start = max(1, least)

    ours = follow(RayScaler(RayServe(**given_)), Said(start), values, LOOK_SECONDS)

    assert ours == rays_own(AutoscalingConfig(**given_), values, start)


def test_by_prometheus_it_stays_as_it_is_in_an_outage():
    spec = RayServe(1, 12, target_ongoing_requests=4.0, upscale_delay_s=0, downscale_delay_s=0, prometheus=True)

    assert follow(RayScaler(spec), Said(1), [20.0, Gone.DOWN, Gone.EMPTY, 0.0]) == [5, 5, 5, 1]
