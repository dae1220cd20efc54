"""When to look again, and which version not to try again; with a clock that moves when it is told to."""

import pytest

from services.registry.watch import (
    FIRST_RETRY_SECONDS,
    JITTER,
    LONGEST_LOOK_SECONDS,
    LONGEST_RETRY_SECONDS,
    Attempts,
    Rhythm,
    Target,
)
from tests.unit.parts import ManualClock

FIRST, SECOND = Target("1", "a"), Target("2", "b")


def middle() -> float:
    return 0.5


@pytest.mark.parametrize(("random", "share"), [(0.0, 1 - JITTER), (0.5, 1), (1.0, 1 + JITTER)])
def test_looks_are_an_interval_apart_give_or_take(random, share):
    assert Rhythm(10, lambda: random).next_seconds() == pytest.approx(10 * share)


def test_looks_that_fail_get_rarer_up_to_a_minute_and_an_answer_ends_that():
    rhythm, waits = Rhythm(10, middle), []

    for _ in range(1000):
        rhythm.failed()
        waits.append(rhythm.next_seconds())

    assert waits[:3] == [20, 40, LONGEST_LOOK_SECONDS]
    assert waits[-1] == LONGEST_LOOK_SECONDS
    rhythm.answered()
    assert rhythm.next_seconds() == 10


def test_an_interval_above_a_minute_stays_what_it_is():
    rhythm = Rhythm(300, middle)

    rhythm.failed()

    assert rhythm.next_seconds() == 300


def test_only_a_change_of_the_registrys_state_is_news():
    rhythm = Rhythm(10, middle)

    told = [rhythm.answered(), rhythm.failed(), rhythm.failed(), rhythm.answered(), rhythm.answered()]

    assert told == [False, True, False, True, False]


def test_a_refused_version_is_not_tried_again_until_the_alias_has_moved():
    clock = ManualClock()
    attempts = Attempts(clock)
    assert attempts.see(FIRST)

    attempts.refused("why")
    clock.now += 1e9

    assert not attempts.see(FIRST)
    assert (attempts.is_due(), attempts.reason) == (False, "why")
    assert attempts.see(SECOND)
    assert (attempts.is_due(), attempts.reason) == (True, "")
    assert attempts.see(FIRST)
    assert attempts.is_due()


def test_a_version_with_another_digest_is_another_version():
    attempts = Attempts(ManualClock())
    attempts.see(FIRST)
    attempts.refused("why")

    assert attempts.see(Target("1", "c"))
    assert attempts.is_due()


def test_a_version_that_could_not_be_fetched_is_tried_again_ever_more_rarely():
    clock = ManualClock()
    attempts, waits = Attempts(clock), []
    attempts.see(FIRST)

    for _ in range(40):
        attempts.failed("no disk")
        start = clock.now
        while not attempts.is_due():
            clock.now += FIRST_RETRY_SECONDS
        waits.append(clock.now - start)

    assert waits[:3] == [10, 20, 40]
    assert waits[-1] == LONGEST_RETRY_SECONDS
