"""A promotion by metrics: what is refused, what is watched, and what goes back by itself."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.promote_options import label, objective
from services.core.errors import TrivetError
from services.promotion.burn import POLL_SECONDS, Watch
from services.promotion.evidence import Thresholds
from services.promotion.prometheus import Unanswered
from services.promotion.promotion import TRIES, Order, Promotion
from tests.unit.parts import ManualClock
from tests.unit.promotion.scripted import Counters

ORDER = Order("iris", "2", "production", "shadow", Thresholds(), Watch())
CANARY = msgspec.structs.replace(ORDER, kind="canary")


class Aliases:
    """A registry in memory; version 1 is served. failures: how many times it cannot move the alias back."""

    def __init__(self) -> None:
        self.version: str | None = "1"
        self.moves: list[str] = []
        self.failures = 0

    def current(self, name: str, alias: str) -> str | None:
        return self.version

    def promote(self, name: str, version: str, alias: str) -> None:
        self._move(version)

    def roll_back(self, name: str, alias: str) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("the registry is gone")
        self._move("1")

    def _move(self, version: str) -> None:
        self.version = version
        self.moves.append(version)


class Told:
    """A promotion and all around it. events: what happens at which second of the watch."""

    def __init__(self) -> None:
        self.counters, self.aliases, self.clock = Counters(), Aliases(), ManualClock()
        self.lines: list[str] = []
        self.waits: list[float] = []
        self.events: dict[float, Any] = {}

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.now += seconds
        for at in [at for at in self.events if self.clock.now - 100.0 >= at]:
            self.events.pop(at)()

    def run(self, order: Order = ORDER) -> Any:
        return Promotion(order, self.counters, self.aliases, self.lines.append, self.clock, self.wait).run()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize("order", [ORDER, CANARY], ids=["shadow", "canary"])
def test_a_healthy_candidate_is_promoted_and_stays(told, order):
    result = told.run(order)

    assert (result.outcome, result.exit_code, result.version) == ("promoted", 0, "2")
    assert told.aliases.moves == ["2"]
    assert sum(told.waits) == 600
    assert "promoted  models:/iris@production is version 2; before: version 1" in told.lines
    assert told.lines[-1].startswith("  600 s  burn rate 0.00 over 600 s, 0.00 over 60 s")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"agreed": 980, "changed": 20, "failed": 0}, r"98\.000% of the rows agree, and at least 99\.000% must"),
        ({"agreed": 995, "changed": 0, "failed": 5}, r"0\.500% of the rows fail, and at most 0\.100% may"),
        ({"agreed": 99, "changed": 0, "failed": 0}, "99 rows compared within 3600 s, and at least 100 must be"),
        ({"agreed": 0, "changed": 0, "failed": 0}, "0 rows compared"),
    ],
)
def test_a_shadow_below_a_threshold_is_refused(told, rows, reason):
    told.counters.rows = rows

    result = told.run()

    assert (result.outcome, result.exit_code, told.aliases.moves) == ("refused", 1, [])
    assert result.reason.startswith("the shadow of version 2 is not healthy: ")
    assert re.search(reason, result.reason)
    assert any(line.startswith("UNHEALTHY ") for line in told.lines)


def test_a_canary_with_errors_is_refused(told):
    told.counters.errors = 2

    result = told.run(CANARY)

    assert result.reason.endswith("0.200% of the requests fail, and at most 0.100% may")
    assert told.aliases.moves == []


@pytest.mark.parametrize(
    ("order", "query"), [(ORDER, "sum(increase(inference_shadow_rows_total{"), (CANARY, "sum(increase(inference_req")]
)
def test_missing_evidence_is_refused_with_the_query_that_returned_nothing(told, order, query):
    told.counters.rows = told.counters.requests = None

    result = told.run(order)

    assert result.exit_code == 1
    assert f"this query returned nothing: {query}" in result.reason
    assert told.aliases.moves == []


def test_a_prometheus_that_does_not_answer_is_no_evidence(told, monkeypatch):
    monkeypatch.setattr(told.counters, "value", lambda query: (_ for _ in ()).throw(Unanswered("it is gone")))

    assert told.run().reason == "the shadow of version 2 is not known to be healthy: it is gone"


@pytest.mark.parametrize(("version", "reason"), [(None, "points nowhere"), ("2", "is version 2 already")])
def test_an_alias_without_a_way_back_or_with_nothing_to_do_is_refused(told, version, reason):
    told.aliases.version = version

    result = told.run()

    assert (result.exit_code, told.aliases.moves) == (1, [])
    assert reason in result.reason


def test_the_series_are_those_of_the_version_and_the_labels(told):
    told.run(
        msgspec.structs.replace(
            ORDER, thresholds=Thresholds(labels={"namespace": "a"}), watch=Watch(labels={"namespace": "a"})
        )
    )

    assert all('{model="iris",version="2",namespace="a",' in query for query in told.counters.queries)
    assert any("[600s]" in query for query in told.counters.queries)
    assert any("[60s]" in query for query in told.counters.queries)


def test_a_breach_moves_the_alias_back_at_the_next_look(told):
    told.events[120] = lambda: setattr(told.counters, "errors", 15)  # 1.5 % of the requests, and 1.44 % may burn

    result = told.run()

    assert (result.outcome, result.exit_code, result.version) == ("rolled_back", 3, "1")
    assert told.aliases.moves == ["2", "1"]
    assert sum(told.waits) == 120
    assert "burn rate 15.00 over 600 s, 15.00 over 60 s, of at most 14.4" in result.reason


def test_a_burn_rate_below_the_limit_stays(told):
    told.events[15] = lambda: setattr(told.counters, "errors", 14)

    assert told.run().exit_code == 0


def test_errors_that_are_over_in_the_short_window_are_no_breach(told, monkeypatch):
    told.events[15] = lambda: setattr(told.counters, "errors", 100)
    ask = told.counters.value
    monkeypatch.setattr(
        told.counters, "value", lambda query: 0.0 if "5.." in query and "[60s]" in query else ask(query)
    )

    assert told.run().exit_code == 0


def test_few_requests_are_no_breach_and_prove_nothing(told):
    told.events[15] = lambda: (setattr(told.counters, "requests", 19.0), setattr(told.counters, "errors", 19.0))

    result = told.run()

    assert (result.exit_code, sum(told.waits)) == (3, 600)
    assert "it answered 19 requests, and fewer than 20 prove nothing" in result.reason


def test_data_that_is_missing_at_the_end_moves_the_alias_back(told):
    told.events[15] = lambda: setattr(told.counters, "requests", None)

    result = told.run()

    assert (result.exit_code, told.aliases.moves) == (3, ["2", "1"])
    assert "this query returned nothing: sum(increase(inference_requests_total{" in result.reason


def test_data_that_is_missing_for_a_while_does_no_harm(told):
    told.events[15] = lambda: setattr(told.counters, "requests", None)
    told.events[60] = lambda: setattr(told.counters, "requests", 500.0)

    assert told.run().exit_code == 0
    assert sum("returned nothing" in line for line in told.lines) == 3


def test_an_alias_that_somebody_else_moved_is_left_alone(told):
    told.events[15] = lambda: (setattr(told.counters, "errors", 500), setattr(told.aliases, "version", "3"))

    result = told.run()

    assert (result.outcome, result.exit_code, result.version) == ("left", 4, "3")
    assert result.reason.endswith("the alias has been moved since")
    assert told.aliases.moves == ["2"]


def test_a_registry_that_is_gone_is_asked_again_and_then_it_is_said(told):
    told.counters.errors = 500
    told.aliases.failures = TRIES - 1
    assert told.run().exit_code == 3

    told.aliases.version, told.aliases.failures = "1", TRIES
    result = told.run()

    assert (result.exit_code, result.version) == (4, "2")
    assert "the registry is gone" in result.reason and "`trivet rollback iris` moves it back" in result.reason


def test_who_stops_the_watch_is_told_how_to_go_back(told):
    def interrupt() -> None:
        raise KeyboardInterrupt

    told.events[30] = interrupt

    result = told.run()

    assert (result.exit_code, told.aliases.moves) == (130, ["2"])
    assert "`trivet rollback iris` moves it back" in result.reason


def test_an_alias_that_cannot_be_moved_is_an_error_and_nothing_is_watched(told, monkeypatch):
    def refuse(*_: str) -> None:
        raise TrivetError("version 2 was not published by trivet")

    monkeypatch.setattr(told.aliases, "promote", refuse)

    with pytest.raises(TrivetError, match="not published"):
        told.run()
    assert told.waits == []


@given(
    st.floats(1, 2e3),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.integers(1, 1000),
    st.floats(0.1, 100),
    st.floats(0, 0.9999),
)
def test_a_watch_ends_in_time_and_what_stays_burnt_no_more_than_it_may(
    seconds, requests, error_ratio, min_requests, max_burn_rate, objective
):
    told = Told()
    told.counters.requests, told.counters.errors = requests, requests * error_ratio
    watch = Watch(seconds, objective, max_burn_rate, min_requests)

    result = told.run(msgspec.structs.replace(ORDER, watch=watch))

    assert sum(told.waits) <= seconds + 1e-3 and max(told.waits, default=0) <= POLL_SECONDS
    burns = error_ratio / (1 - objective) * (requests > 0)
    stays = requests >= min_requests and burns <= max_burn_rate * (1 + 1e-9)
    if burns < max_burn_rate * (1 - 1e-9) or burns > max_burn_rate * (1 + 1e-9) or requests < min_requests:
        assert (result.exit_code, told.aliases.version) == ((0, "2") if stays else (3, "1"))


@given(st.text(max_size=20))
def test_any_label_is_read_or_refused(text):
    try:
        name, value = label(text)
    except ValueError as error:
        assert "is no label" in str(error)
    else:
        assert f"{name}={value}" == text


@given(st.text(max_size=10) | st.floats(0, 200).map("{:g}%".format))
def test_any_objective_is_below_1_or_refused(text):
    try:
        share = objective(text)
    except ValueError:
        return
    assert 0 <= share < 1
