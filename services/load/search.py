"""The search for a knee on a real server: each rate is a run, between two looks at the server's own metrics."""

from collections.abc import Callable

from services.load import served, text
from services.load.knee import SHARE, Knee, Step, find
from services.load.progress import Stop
from services.load.quantities import significant
from services.load.run import Load
from services.load.schedule import Segment


class Stopped(Exception):
    """Somebody asked to stop."""


class Search:
    """Looks for the knee. step: the profile of one rate. steps: what was tried so far; engine: the server's, or ""."""

    def __init__(
        self,
        load: Load,
        model: str | None,
        step: Callable[[float], list[Segment]],
        stop: Stop,
        say: Callable[[str], None],
    ) -> None:
        self.say = say
        self.steps: list[Step] = []
        self.engine = ""
        self._load = load
        self._model = model
        self._step = step
        self._stop = stop

    def run(self, low: float, high: float) -> Knee | None:
        """Look between two rates, and tell of each step. Raises GeneratorTooSlow or Stopped."""
        objectives = ", ".join(text.objective(one) for one in self._load.objectives)
        self.say(f"{self._load.target.url}: {self._load.requests.what}\nto keep   {objectives}\n")
        self.say(text.STEP_HEADINGS)
        found = find(self._measure, low, high)
        self.say("")
        if found is None:
            self.say(f"no knee   not even {significant(low)}/s keeps {objectives}")
        elif found.is_highest:
            self.say(f"above     {significant(high)}/s, the highest rate that was allowed, still keeps {objectives}")
        return found

    def said(self, knee: Knee) -> str:
        """Return what was measured, for whoever reads the values."""
        objectives = ", ".join(text.objective(one) for one in self._load.objectives)
        whose = "by its own metrics" if knee.loaded.by_server else "counted by the load generator"
        limit = " or more" if knee.is_highest else ""
        return (
            f"Measured by `trivet load --find-knee` at {self._load.target.url}, {self._load.requests.what}.\n"
            f"One replica takes {significant(knee.rate)}/s{limit} within {objectives}.\n"
            f"At {SHARE:.0%} of that it has {knee.target:g} requests in flight, {whose}."
        )

    def _measure(self, rate: float) -> Step:
        before = served.read(self._load.target, self._model)
        report, _ = self._load.run(self._step(rate), self._stop, said=f"{significant(rate)}/s: ", ends_when_missed=True)
        if self._stop.asked:
            raise Stopped
        after = served.read(self._load.target, self._model)
        self.engine = after.engine if after else ""
        ended = report.answered + report.failed
        in_flight = served.in_flight(before, after, ended, report.elapsed_seconds)
        step = Step(rate, report, report.in_flight if in_flight is None else in_flight, in_flight is not None)
        self.steps.append(step)
        self.say(text.step(step))
        return step
