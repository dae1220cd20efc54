"""docs/scaling.md, made of what `make e2e-long` kept in docs/scaling/: how replicas followed the load on a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("scaling")

HEAD = """\
# Scaling, as it went

Written by `make render` from `docs/scaling.py` and from what `make e2e-long` keeps beside it; change it there.

`tests/e2e/test_scaling.py` measures what one small pod answers at most, sends a share of it, then four times as much
for two and a half minutes (on Ray, whose workers start more slowly, five), then the share again until one replica is
left. Load goes through the gateway by `trivet load` on a kind cluster with two cores for everything, so a pod has a
small limit of CPU: it saturates, not the machine.
"""

ROWS = (
    ("day", "day"),
    ("CPU request of a pod", "cpu_request"),
    ("CPU limit of a pod", "cpu_limit"),
    ("rows in a request", "rows"),
    ("requests a second of one replica, at most", "rate_of_one"),
    ("of it the share before and after the flood", "calm_share"),
    ("in flight per replica, the target", "in_flight_per_replica"),
    ("seconds from the first recorded sample above it until more replicas are wanted", "seconds_to_rise"),
    ("seconds from that sample until all wanted replicas are ready", "seconds_until_ready"),
    ("most replicas", "most_replicas"),
    ("p99 in milliseconds at the end of the flood (wanted: 500)", "p99_after_ms"),
    ("seconds from its end until one replica is left", "seconds_until_one_again"),
    ("answers by status", "statuses"),
    ("requests without an answer", "failures"),
    ("the load was sent in time", "load_kept_up"),
    ("`trivet simulate` with the same load: replicas apart at one time, at most", "simulated.most_replicas"),
    ("the same when 30 s earlier or later count as the same time (wanted: 1)", "simulated.most_replicas_shifted"),
    ("the same had the autoscaler looked at the moments that fit worst", "simulated.farthest_shifted"),
    ("seconds that it came earlier or later to a number of replicas, at most", "simulated.most_shift_seconds"),
    ("its replica-hours, over those of the cluster", "simulated.replica_hours"),
)


def page() -> str:
    """Return the page; without a kept measurement it says how to measure."""
    kept = {file.stem: json.loads(file.read_text()) for file in sorted(KEPT.glob("*.json"))}
    return "\n".join((HEAD, *(_measured(kept) if kept else ["Not measured yet: `make e2e-long`."]), ""))


def _measured(kept: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| | " + " | ".join(f"`{name}`" for name in kept) + " |"
    yield "| --- |" + " --- |" * len(kept)
    for text, key in ROWS:
        yield f"| {text} | " + " | ".join(_cell(_found(each, key)) for each in kept.values()) + " |"
    for name in kept:
        yield f"\n![Replicas, load and latency over time: {name}](scaling/{name}.svg)"


def _found(measured: dict[str, Any], key: str) -> Any:
    for name in key.split("."):
        measured = measured.get(name, {})
    return measured


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
