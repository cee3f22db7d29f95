"""Who cannot give what requests take: found before, exactly when sending them would fail."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from settlement.partner.balances import Balances
from settlement.steps.funding import Shortfall, shortfalls
from settlement.values import Line

lines = st.builds(
    Line,
    connection_id=st.sampled_from("abc"),
    currency=st.sampled_from(["BTC", "USD"]),
    amount=st.integers(-9, 9).filter(bool),
)
requests = st.lists(st.lists(lines, max_size=4, unique_by=lambda line: line.key), max_size=3)
accounts = st.dictionaries(st.sampled_from(["BTC", "USD"]), st.integers(0, 12))


def test_a_client_that_allocated_too_little_is_named() -> None:
    """What is missing, not what is needed, is what must be funded."""
    balances = Balances({"bob": {"BTC": 60_000_000}}, {"BTC": 10**12})
    (found,) = shortfalls([[Line("bob", "BTC", -100_000_000)]], balances)
    assert found == Shortfall("bob", "BTC", 100_000_000, 60_000_000)
    assert found.text({"BTC": 8}) == "connection bob needs 0.40000000 BTC more (has 0.60000000)"


def test_losses_fund_gains_of_the_same_and_of_later_requests() -> None:
    """The partner's own account may be empty, as long as losses come first."""
    loss, gain = [Line("a", "BTC", -5)], [Line("b", "BTC", 5)]
    balances = Balances({"a": {"BTC": 5}}, {})
    assert shortfalls([loss, gain], balances) == []
    assert shortfalls([[*loss, *gain]], balances) == []
    assert shortfalls([gain, loss], balances) == [Shortfall(None, "BTC", 5, 0)]


def test_an_own_account_that_is_not_shown_is_not_judged() -> None:
    """The token may not see it: nobody can tell."""
    assert shortfalls([[Line("b", "BTC", 5)]], Balances({}, None)) == []


@given(requests, st.fixed_dictionaries(dict.fromkeys("abc", accounts)), accounts)
def test_a_shortfall_is_found_exactly_when_sending_would_fail(
    asked: list[list[Line]], held: dict[str, dict[str, int]], own: dict[str, int]
) -> None:
    """Sending one after the other, all or nothing each; clients are not paid before they give."""
    found = shortfalls(asked, Balances(held, own))
    assert bool(found) == (not all_go_through(asked, held, own))


def all_go_through(
    asked: Sequence[Sequence[Line]], held: dict[str, dict[str, int]], own: dict[str, int]
) -> bool:
    """Move the money; a client's gains of earlier requests are not counted on."""
    clients = {connection: dict(amounts) for connection, amounts in held.items()}
    partner = dict(own)
    for request in asked:
        for line in request:
            partner[line.currency] = partner.get(line.currency, 0) - line.amount
            if line.amount < 0:
                balance = clients[line.connection_id]
                balance[line.currency] = balance.get(line.currency, 0) + line.amount
        if any(left < 0 for left in partner.values()):
            return False
        if any(left < 0 for balance in clients.values() for left in balance.values()):
            return False
    return True
