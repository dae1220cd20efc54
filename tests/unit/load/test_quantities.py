"""What people write on the command line: read, or refused with a sentence."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.load import quantities, slo
from services.load.slo import Objective

# Pieces that valid texts are made of, so that a mutation is nearly valid.
NEARLY = st.lists(
    st.sampled_from(["p99", "p", "99.9", "=", ",", "errors", "50", "ms", "s", "%", "-", ".", " ", "1", "0", "٣", "e5"]),
    max_size=8,
).map("".join)


@pytest.mark.parametrize(
    ("text", "found"), [("50ms", 0.05), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("250us", 0.00025), ("30", 30)]
)
def test_a_time_has_a_unit_or_is_in_seconds(text, found):
    assert quantities.seconds(text) == pytest.approx(found)


@pytest.mark.parametrize("text", ["", "0", "0ms", "-1", "1 s", "1d", "ms", "1e3", "nan", "inf", "1.s", "٣s", "1\n"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="as in 50ms"):
        quantities.seconds(text)


def test_a_rate_is_one_number_or_two():
    assert quantities.rates("400") == (None, 400)
    assert quantities.rates("0.5-10") == (0.5, 10)


@pytest.mark.parametrize("text", ["", "0", "10-5", "0-5", "-5", "5-", "1-2-3", "1,5", "5/s"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="10-400"):
        quantities.rates(text)


def test_a_share_is_a_number_or_a_percentage():
    assert quantities.ratio("0.1%") == pytest.approx(0.001)
    assert (quantities.ratio("0"), quantities.ratio("1"), quantities.ratio("100%")) == (0, 1, 1)


@pytest.mark.parametrize("text", ["", "1.1", "101%", "-0", "%", "nan"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match=r"as in 0\.1%"):
        quantities.ratio(text)


def test_objectives_are_read_in_order():
    assert slo.parse("p99=50ms, errors=0.1%,p99.9=1s") == [
        Objective("p99", 0.05),
        Objective("errors", 0.001),
        Objective("p99.9", 1.0),
    ]


@pytest.mark.parametrize("text", ["", ",", "p99", "p99=", "p99=0", "p100=1s", "p0=1s", "q99=1s", "p99=1s,p99=2s"])
def test_what_is_no_objective_is_refused(text):
    with pytest.raises(ValueError, match=r"expected|twice"):
        slo.parse(text)


@pytest.mark.parametrize("read", [quantities.seconds, quantities.rates, quantities.ratio, slo.parse])
@given(text=st.one_of(st.text(max_size=30), NEARLY))
def test_any_text_is_read_or_refused_with_a_sentence(read, text):
    try:
        found = read(text)
    except ValueError as error:
        assert "expected" in str(error) or "twice" in str(error)
        return
    values = [found] if isinstance(found, float) else [one for part in found for one in _numbers(part)]
    assert values and all(math.isfinite(value) and value >= 0 for value in values)


@given(st.floats(1e-6, 1e5))
def test_a_written_time_is_read_again(value):
    assert quantities.seconds(quantities.written(value).replace(" ", "").replace(",", "")) == pytest.approx(
        value, rel=0.005
    )


def test_objectives_are_judged_by_what_was_found():
    objectives = slo.parse("p50=10ms,p99=50ms,errors=1%")

    found = slo.judge(objectives, 0.02, {50.0: 0.01, 99.0: 0.051}.get)
    nothing = slo.judge(objectives, 1.0, lambda _percent: None)

    assert [verdict.kept for verdict in found] == [True, False, False]
    assert [verdict.kept for verdict in nothing] == [False] * 3


def _numbers(part):
    if isinstance(part, Objective):
        return [part.limit]
    return [] if part is None else [part]
