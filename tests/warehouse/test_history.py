"""History that changed is found, and shown; what may undo the change is too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.values import Line, PositionKey, as_lines, as_positions
from settlement.warehouse import TradeRow, change_in_history
from settlement.warehouse.history import Change, returning, without

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)

positions = st.dictionaries(
    st.builds(PositionKey, st.sampled_from("abcdef"), st.sampled_from(["BTC", "ETH", "USD"])),
    st.integers(-3, 3).filter(bool),
)


@given(was=positions, now=positions, count=st.integers(0, 9), count_now=st.integers(0, 9))
def test_any_difference_is_found_and_no_other(
    was: dict[PositionKey, int], now: dict[PositionKey, int], count: int, count_now: int
) -> None:
    """No change means: the same count and the same positions, each of them."""
    change = change_in_history(count, iter(as_lines(was)), count_now, iter(as_lines(now)))
    if was == now and count == count_now:
        assert change is None
        return
    assert change is not None
    keys = sorted(key for key in {*was, *now} if was.get(key, 0) != now.get(key, 0))
    assert list(change.positions) == keys
    shown = [
        f"{key.connection_id} {key.currency} was {was.get(key, 0)}, is {now.get(key, 0)}"
        for key in keys
    ]
    for example in shown[:5]:
        assert example in change.described()
    assert (f"and {len(keys) - 5} more" in change.described()) == (len(keys) > 5)
    assert f"{count} trades were read, {count_now} of them" in change.described()


@given(was=positions, now=positions, added=positions)
def test_a_reading_without_the_change_is_what_was_and_what_was_added(
    was: dict[PositionKey, int], now: dict[PositionKey, int], added: dict[PositionKey, int]
) -> None:
    """Whatever changed and whatever came late, in the order of the reading."""
    change = change_in_history(1, iter(as_lines(was)), 2, iter(as_lines(now)))
    assert change is not None
    reading = as_lines(as_positions([*as_lines(now), *as_lines(added)]))
    left = list(without(change.amounts, iter(reading)))
    assert left == list(as_lines(as_positions([*as_lines(was), *as_lines(added)])))


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


def trade(buyer: str, seller: str, quantity: int) -> TradeRow:
    """One trade of BTC against USD."""
    amounts = (quantity, 3 * quantity, 0, 0)
    sides = (buyer, seller, "BTC", "USD")
    return TradeRow(f"{buyer}-{seller}", NOON, NOON, *sides, *amounts, "USD", "USD")


def gone(*trades: TradeRow) -> Change:
    """The change when these trades went."""
    was: dict[PositionKey, int] = {}
    for each in trades:
        for side in {each.buyer_connection_id, each.seller_connection_id} - {"house"}:
            for currency in ("BTC", "USD"):
                key = PositionKey(str(side), currency)
                was[key] = was.get(key, 0) + each.effect_on(*key)
    change = change_in_history(len(trades), iter(as_lines(was)), 0, iter(()))
    assert change is not None
    return change


@pytest.mark.parametrize("back", [trade("alice", "bob", 5), trade("alice", "bob", 4)])
def test_a_trade_that_comes_back_late_may_undo_the_change(back: TradeRow) -> None:
    """The same trade, or a corrected one: a person tells them from new trades by their ids."""
    found = returning(gone(trade("alice", "bob", 5), trade("carol", "dave", 2)), [back])
    assert (found.count, found.examples) == (1, ("alice-bob",))


@pytest.mark.parametrize(
    "late",
    [trade("alice", "erin", 5), trade("bob", "alice", 5), trade("erin", "house", 5)],
    ids=["another client", "the other way", "nobody who changed"],
)
def test_other_late_trades_settle_without_a_question(late: TradeRow) -> None:
    """They cannot be what went: another client's, or in the direction of the change."""
    assert returning(gone(trade("alice", "bob", 5)), [late]).count == 0


def test_a_trade_against_the_house_comes_back_too() -> None:
    """The house's side is not among the net positions, the client's is."""
    assert returning(gone(trade("alice", "house", 5)), [trade("alice", "house", 5)]).count == 1
