"""Which models go for another one: the least recently used, as few as are enough, and never one at work."""

from hypothesis import given
from hypothesis import strategies as st

from services.core.memory import Holding, least_recently_used, resident_bytes

HOLDINGS = st.lists(
    st.builds(
        Holding,
        name=st.sampled_from("abcdef"),
        size_bytes=st.integers(0, 100),
        used_at=st.floats(0, 10),
        idle=st.booleans(),
        spare=st.booleans(),
    ),
    max_size=12,
)


def order(holding: Holding) -> tuple[bool, float]:
    return not holding.spare, holding.used_at


@given(holdings=HOLDINGS, wanted_bytes=st.integers(-50, 600))
def test_what_is_freed_is_idle_and_used_longest_ago_and_no_more_than_is_needed(holdings, wanted_bytes):
    chosen = least_recently_used(holdings, wanted_bytes)

    kept = list(holdings)
    for holding in chosen:
        kept.remove(holding)
    assert all(holding.idle for holding in chosen)
    assert all(order(gone) <= order(stays) for gone in chosen for stays in kept if stays.idle)
    assert sum(holding.size_bytes for holding in chosen[:-1]) < max(wanted_bytes, 1) or not chosen
    enough = sum(holding.size_bytes for holding in chosen) >= wanted_bytes
    assert enough or not any(holding.idle for holding in kept)


def test_a_version_before_goes_before_any_model():
    holdings = [Holding("a", 10, 1.0, True), Holding("b", 10, 9.0, True, spare=True), Holding("c", 10, 0.5, False)]

    assert [holding.name for holding in least_recently_used(holdings, 15)] == ["b", "a"]


def test_this_process_takes_memory():
    held = bytearray(64 << 20)

    assert resident_bytes() > len(held)
