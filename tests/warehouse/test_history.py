"""History that changed is found, and shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.values import Line, PositionKey, as_lines
from settlement.warehouse.history import change_in_history

positions = st.dictionaries(
    st.builds(PositionKey, st.sampled_from("abcdef"), st.sampled_from(["BTC", "ETH", "USD"])),
    st.integers(-3, 3).filter(bool),
)


@given(was=positions, now=positions, count=st.integers(0, 9), count_now=st.integers(0, 9))
def test_any_difference_is_found_and_no_other(
    was: dict[PositionKey, int], now: dict[PositionKey, int], count: int, count_now: int
) -> None:
    """Nothing is found where count and positions are the same; else each position that differs."""
    change = change_in_history(count, iter(as_lines(was)), count_now, iter(as_lines(now)))
    if was == now and count == count_now:
        assert change is None
        return
    assert change is not None
    keys = sorted(key for key in {*was, *now} if was.get(key, 0) != now.get(key, 0))
    shown = [
        f"{key.connection_id} {key.currency} was {was.get(key, 0)}, is {now.get(key, 0)}"
        for key in keys
    ]
    assert list(change.positions) == keys
    described = change.described()
    for example in shown[:5]:
        assert example in described
    assert (f"and {len(keys) - 5} more" in described) == (len(keys) > 5)
    assert f"{count} trades were read, {count_now} of them" in described


def test_two_clients_who_swap_their_trades_are_found() -> None:
    """Sums per currency and the count are the same; the clients' money is not."""
    was = [Line("alice", "BTC", 5), Line("bob", "BTC", -5)]
    now = [Line("alice", "BTC", -5), Line("bob", "BTC", 5)]
    change = change_in_history(2, iter(was), 2, iter(now))
    assert change is not None
    assert "alice BTC was 5, is -5; bob BTC was -5, is 5" in change.described()


def test_an_unsorted_stream_is_refused() -> None:
    """Merging it would report differences that are not there."""
    unsorted = [Line("b", "BTC", 1), Line("a", "BTC", 1)]
    with pytest.raises(ValueError, match="the left net positions are not sorted"):
        change_in_history(2, iter(unsorted), 2, iter(unsorted[::-1]))
