"""How far a simulation is from what a cluster did."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct, structs

from services.simulate.queueing import Values
from services.simulate.run import Run
from services.simulate.trace import Trace, Unreadable, number_of, of_points, read_rows


class Observed(Struct, frozen=True):
    """A recorded timeline. replicas: those that are ready, one entry a second, as the trace has them."""

    trace: Trace
    replicas: Values


# Controllers look every fifteen seconds, and nobody knows when; so does what they look at.
SHIFT_SECONDS = 30
# How long before the load's start a controller may have looked last; none looks less often than each SHIFT_SECONDS.
PHASES_SECONDS = range(0, SHIFT_SECONDS, 3)


class Difference(Struct, frozen=True):
    """A simulation against a cluster.

    most_replicas: the largest difference at one time, most_replicas_second: when. most_replicas_shifted: the largest
    when the simulation may be up to SHIFT_SECONDS earlier or later. most_shift_seconds: how much earlier
    or later the simulation came to a number of replicas that the cluster came to, at most; None when the cluster never
    changed. changes: of the cluster; unmatched: those that the simulation did not make at all. replica_hours: of the
    simulation over those of the cluster. phase_seconds: of PHASES_SECONDS the one with which it is nearest.
    farthest_shifted: most_replicas_shifted of the one with which it is farthest.
    """

    most_replicas: int
    most_replicas_second: int
    most_replicas_shifted: int
    most_shift_seconds: int | None
    changes: int
    unmatched: int
    replica_hours: float
    phase_seconds: int = 0
    farthest_shifted: int = 0


def parse(text: str) -> Observed:
    """Read CSV: seconds,rate,replicas, which are those that are ready. Raises Unreadable."""
    rows = read_rows(text, ("seconds", "rate", "replicas"))
    columns = (
        [number_of(row, name, line) for line, row in enumerate(rows, 2)] for name in ("seconds", "rate", "replicas")
    )
    times, rates, replicas = columns
    if not all(value == int(value) for value in replicas):
        raise Unreadable("replicas are whole numbers")
    return Observed(of_points(times, rates), of_points(times, replicas).rates)


def nearest(run_at: Callable[[int], Run], observed: Observed) -> tuple[Run, Difference]:
    """Return the simulation nearest to what was observed, of one for each phase that the autoscaler may have had.

    run_at: takes the phase in seconds.
    """
    tried = [(run, compare(run, observed), phase) for phase in PHASES_SECONDS for run in [run_at(phase)]]
    run, difference, phase = min(tried, key=lambda one: _distance(one[1]))
    farthest = max(other.most_replicas_shifted for _, other, _ in tried)
    return run, structs.replace(difference, phase_seconds=phase, farthest_shifted=farthest)


def _distance(found: Difference) -> tuple[float, ...]:
    return found.most_replicas_shifted, found.unmatched, found.most_shift_seconds or 0, found.most_replicas


def compare(run: Run, observed: Observed) -> Difference:
    """Compare a simulation of the observed load with what was observed."""
    apart = np.abs(run.ready - observed.replicas)
    changed = np.flatnonzero(np.diff(observed.replicas)) + 1
    shifts: list[int] = []
    for second in changed.tolist():
        level = observed.replicas[second]
        if level > observed.replicas[second - 1]:
            reached = (run.ready[1:] >= level) & (run.ready[:-1] < level)
        else:
            reached = (run.ready[1:] <= level) & (run.ready[:-1] > level)
        times = np.flatnonzero(reached) + 1
        if len(times):
            shifts.append(int(np.abs(times - second).min()))
    total = float(observed.replicas.sum())
    return Difference(
        most_replicas=int(apart.max()),
        most_replicas_second=int(apart.argmax()),
        most_replicas_shifted=_shifted(run.ready, observed.replicas),
        most_shift_seconds=max(shifts, default=None),
        changes=len(changed),
        unmatched=len(changed) - len(shifts),
        replica_hours=float(run.ready.sum()) / total if total else float("nan"),
    )


def _shifted(simulated: Values, seen: Values) -> int:
    """Return how far either is outside of what the other was within SHIFT_SECONDS, at most.

    From the least to the most it was: who comes to six replicas by way of three is not apart from who jumps there.
    """
    return int(max(_outside(simulated, seen), _outside(seen, simulated)))


def _outside(values: Values, others: Values) -> float:
    padded = np.pad(others, SHIFT_SECONDS, mode="edge")
    about = np.lib.stride_tricks.sliding_window_view(padded, 2 * SHIFT_SECONDS + 1)
    return float(np.maximum(values - about.max(axis=1), about.min(axis=1) - values).clip(0).max())
