"""What scaling does over time: the load that was sent, the work in flight that Prometheus records, and replicas."""

import json
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from services import svg

PROMETHEUS = "http://127.0.0.1:9090"
LOOK_SECONDS = 2.0
ASK_SECONDS = 5.0
# The report of a run is printed when the last answer has come.
END_SECONDS = 60
# More than every replica's queue has; with twice as many, a port that Docker forwards to a kind node once closed.
CONNECTIONS = 256
# `trivet load` ends with 4 when it was late itself, which two cores for everything make it; its report says so.
FINISHED = (0, 1, 4)


class Replicas(NamedTuple):
    """How many there should be, and how many are ready."""

    wanted: int
    ready: int


class Look(NamedTuple):
    """One look. after: seconds from the start. in_flight: as recorded; None while Prometheus does not say."""

    after: float
    in_flight: float | None
    replicas: Replicas


class Second(NamedTuple):
    """One second of load: requests that were due, those with a good answer, and the 99th percentile of these."""

    after: float
    due: int
    answered: int
    p99_seconds: float | None


@dataclass
class Timeline:
    """A context manager that looks while its block runs. look: asks the cluster. query: PromQL of one number."""

    query: str
    look: Callable[[], Replicas]
    looks: list[Look] = field(default_factory=list)
    seconds: list[Second] = field(default_factory=list)

    def __enter__(self) -> "Timeline":
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def after(self) -> float:
        """Return the seconds from the start until now."""
        return time.monotonic() - self._started

    def load(self, host: str, rate: float, seconds: float, rows: int) -> dict[str, Any]:
        """Send a constant load through the gateway by `trivet load`, keep its seconds, and return its report."""
        began = self.after()
        report = load(host, rate, seconds, rows)
        self.seconds += [
            Second(began + each["second"], each["wanted"], each["answered"], each["p99_seconds"])
            for each in report["timeline"]
        ]
        return report

    def first(self, holds: Callable[[Look], bool], since: float = 0.0) -> Look:
        """Return the first look from a time on of which something holds."""
        return next(look for look in self.looks if look.after >= since and holds(look))

    def csv(self) -> str:
        """Return the timeline as `trivet simulate` reads it."""
        rates = {int(second.after): second.due for second in self.seconds}
        rows = [f"{look.after:.0f},{rates.get(int(look.after), 0)},{look.replicas.ready}" for look in self.looks]
        return "\n".join(("seconds,rate,replicas", *rows, ""))

    def draw(self, path: Path, title: str, target: float, slo_seconds: float) -> None:
        """Write the picture of it. target: work in flight that a replica should have."""
        picture = svg.figure(9, 8)
        picture.suptitle(title, fontsize=9)
        rate, latency, work, replicas = picture.subplots(4, 1, sharex=True)
        at = [second.after for second in self.seconds]
        rate.step(at, [second.due for second in self.seconds], color=svg.GREY, label="requests sent per second")
        rate.step(at, [second.answered for second in self.seconds], color=svg.BLUE, label="answered with 200")
        ms = [float("nan") if each.p99_seconds is None else each.p99_seconds * 1e3 for each in self.seconds]
        latency.plot(at, ms, color=svg.BLUE, label="p99 in milliseconds")
        latency.axhline(slo_seconds * 1e3, color=svg.RUST, linewidth=1, label="wanted at most")
        latency.set_yscale("log")
        at = [look.after for look in self.looks]
        per = [(look.in_flight or float("nan")) / max(look.replicas.ready, 1) for look in self.looks]
        work.plot(at, per, color=svg.BLUE, label="in flight per ready replica, recorded")
        work.axhline(target, color=svg.RUST, linewidth=1, label="target")
        replicas.step(at, [look.replicas.wanted for look in self.looks], color=svg.RUST, label="replicas wanted")
        replicas.step(at, [look.replicas.ready for look in self.looks], color=svg.BLUE, label="ready")
        replicas.set_xlabel("seconds")
        for axes in (rate, latency, work, replicas):
            axes.legend(loc="upper right", fontsize=7)
            svg.tidy(axes)
        svg.save(picture, path)

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            after = self.after()
            self.looks.append(Look(after, ask(self.query), self.look()))


def load(host: str, rate: float, seconds: float, rows: int) -> dict[str, Any]:
    """Send a constant load through the gateway by `trivet load`, and return its report."""
    command = (
        *(sys.executable, "-m", "services.cli.main", "load", "http://127.0.0.1:8080"),
        *(f"--header=Host: {host}", "--model=iris-classifier", f"--rows={rows}"),
        *(
            f"--rate={rate:g}",
            f"--duration={seconds:g}s",
            "--arrivals=random",
            f"--max-in-flight={CONNECTIONS}",
            "--json",
        ),
    )
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + END_SECONDS, check=False)
    assert ran.returncode in FINISHED, ran.stderr or ran.stdout
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def ask(query: str) -> float | None:
    """Return the one number that Prometheus gives for a query; None without one, or without Prometheus."""
    asked = f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(asked, timeout=ASK_SECONDS) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return None
    return float(found[0]["value"][1]) if found else None
