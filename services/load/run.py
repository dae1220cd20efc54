"""One load: what is sent to whom, within which bounds, and one run of it."""

import resource
import sys
from array import array
from dataclasses import dataclass

import numpy as np

from services.load import open_loop
from services.load.client import Client
from services.load.knee import Watch
from services.load.progress import Progress, Stop
from services.load.record import Recording
from services.load.report import Report, report
from services.load.requests import Requests
from services.load.schedule import Segment, times
from services.load.slo import Objective
from services.load.target import Target

# One run keeps some 50 bytes of each until its end, so this is 250 MB.
MAX_REQUESTS = 5_000_000
# Beside the connections: the selector, the terminal, libraries.
OTHER_FILES = 64
# Two runs with random arrivals send at the same times.
SEED = 0


@dataclass(frozen=True)
class Load:
    """Everything about a load but its rate.

    connections: the most that are open, and so the most requests that are sent and unanswered: one waits on each.
    timeout_seconds: how long a request may wait to be sent, and then for its answer.
    late_seconds: how late the generator may be; None for what the latency allows.
    is_random: the distances between requests are exponential, and not even.
    """

    target: Target
    requests: Requests
    connections: int
    timeout_seconds: float
    objectives: list[Objective]
    late_seconds: float | None
    is_random: bool

    def run(
        self, segments: list[Segment], stop: Stop, *, said: str = "", ends_when_missed: bool = False
    ) -> tuple[Report, Recording]:
        """Send what a profile says, and tell of it on standard error; return what came of it.

        said: stands before each line that is told. ends_when_missed: send no more than is needed to miss an objective.
        """
        due = times(segments, np.random.default_rng(SEED) if self.is_random else None)
        recording = Recording(seconds=sum(segment.seconds for segment in segments))
        progress = Progress(sys.stderr, recording, due, recording.seconds, said)
        watch = Watch(recording, self.objectives, len(due))

        def look(now: float) -> float | None:
            progress.look(now)
            if stop.asked or (ends_when_missed and watch.is_missed()):
                recording.seconds = min(recording.seconds, now)
                return 0.0 if stop.asked else self.timeout_seconds
            return None

        client = Client(self.target.address, self.requests, self.connections, recording)
        with client.measuring():
            open_loop.run(client, array("d", due), recording, timeout_seconds=self.timeout_seconds, on_look=look)
        progress.end()
        return report(recording, self.objectives, self.late_seconds), recording


def allow_open(connections: int) -> None:
    """Let this process open so many connections. Raises ValueError when the system does not."""
    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ValueError(f"{connections} connections need {needed} open files, and the system allows {hard}: ulimit -n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
