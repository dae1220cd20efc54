"""The pods of one workload over time: which are there, which are ready, which have been measured."""

from dataclasses import dataclass

from services.simulate.hpa_spec import CPU_INITIALIZATION_SECONDS

# Of metrics-server: each CPU sample is a mean over so long.
SAMPLE_SECONDS = 15


@dataclass
class _Group:
    """Pods that were made together."""

    created_seconds: float
    ready_seconds: float
    count: int


class Pods:
    """Pods in groups, the oldest first. Those of the start have always been ready."""

    def __init__(self, count: int, cold_start_seconds: float) -> None:
        self.total = count
        self._cold_start_seconds = cold_start_seconds
        self._groups = [_Group(float("-inf"), float("-inf"), count)]

    def scale(self, now_seconds: float, wanted: int) -> None:
        """Make pods, or remove the newest: a ReplicaSet prefers who is not ready, then who is young."""
        if wanted > self.total:
            ready_seconds = now_seconds + self._cold_start_seconds
            self._groups.append(_Group(now_seconds, ready_seconds, wanted - self.total))
        surplus = self.total - wanted
        while surplus > 0:
            newest = self._groups[-1]
            removed = min(surplus, newest.count)
            newest.count -= removed
            surplus -= removed
            if not newest.count and len(self._groups) > 1:
                self._groups.pop()
        self.total = wanted
        self._merge(now_seconds)

    def ready(self, now_seconds: float) -> int:
        """Return how many serve."""
        return sum(group.count for group in self._groups if group.ready_seconds <= now_seconds)

    def next_ready_seconds(self, now_seconds: float) -> float:
        """Return when the next pods become ready; infinity when none is on its way."""
        waiting = (group.ready_seconds for group in self._groups if group.ready_seconds > now_seconds and group.count)
        return min(waiting, default=float("inf"))

    def seen(self, now_seconds: float, age_seconds: float) -> tuple[int, int, int]:
        """Return how many pods count as measured, as not ready and as missing, for samples of such an age.

        Source: groupPods in pkg/controller/podautoscaler/replica_calculator.go.
        """
        measured = unready = missing = 0
        sampled_seconds = now_seconds - age_seconds
        for group in self._groups:
            young = now_seconds < group.created_seconds + CPU_INITIALIZATION_SECONDS
            if sampled_seconds < group.created_seconds + SAMPLE_SECONDS:
                missing += group.count
            elif now_seconds < group.ready_seconds + (SAMPLE_SECONDS + age_seconds if young else 0):
                unready += group.count
            else:
                measured += group.count
        return measured, unready, missing

    def _merge(self, now_seconds: float) -> None:
        """Put groups together that nothing tells apart any more."""
        old_seconds = now_seconds - CPU_INITIALIZATION_SECONDS - self._cold_start_seconds
        while len(self._groups) > 1 and self._groups[1].created_seconds < old_seconds:
            self._groups[0].count += self._groups.pop(1).count
