"""A refusal is narrowed down to the client that it is about, whoever that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.request.narrowing import Clients, Refusal, goes_on, parts_of

MOST = 250


def clients(count: int) -> list[str]:
    """Their names."""
    return [f"client-{number:03}" for number in range(count)]


def requests(parts: Sequence[Clients], most: int = MOST) -> list[Clients]:
    """Parts, cut into requests."""
    return [
        frozenset(sorted(part)[at : at + most])
        for part in parts
        for at in range(0, len(part), most)
    ]


class Partner:
    """Refuses every request with one of these clients, and says no more than it wants to."""

    def __init__(self, refused: Collection[str], *, names_them: bool = False) -> None:
        self.refused = frozenset(refused)
        self.names_them = names_them
        self.requests = 0

    def run(self, owed: set[str], refusals: list[Refusal]) -> None:
        """One run: requests in order, until one is refused."""
        for request in requests(parts_of(owed, refusals)):
            self.requests += 1
            wrong = request & self.refused
            if wrong:
                refusals.append(Refusal(request, named=wrong if self.names_them else frozenset()))
                return
            owed -= request


def settle(partner: Partner, owed: set[str], refusals: list[Refusal]) -> int:
    """A run, and those that it starts by itself; how many."""
    runs = 1
    partner.run(owed, refusals)
    while owed and goes_on(owed, refusals):
        runs += 1
        partner.run(owed, refusals)
    return runs


@pytest.mark.parametrize("wrong", range(0, 500, 7))
def test_of_500_clients_one_is_refused_and_499_settle(wrong: int) -> None:
    """Two requests as always, and at most 12 more, whoever it is; one halving a run at most."""
    names = clients(500)
    partner = Partner({names[wrong]})
    owed = set(names)
    runs = settle(partner, owed, [])
    assert owed == {names[wrong]}
    assert partner.requests <= 2 + 12
    assert runs <= 1 + ceil(log2(MOST)) + 1


def test_a_client_that_the_answer_names_is_left_out_at_once() -> None:
    """One run more: everybody else, then the one who is named, alone."""
    names = clients(500)
    partner = Partner({names[123]}, names_them=True)
    owed = set(names)
    assert settle(partner, owed, []) == 2
    assert owed == {names[123]}
    assert partner.requests == 1 + 2 + 1


def test_an_answer_that_names_the_wrong_client_only_costs_requests() -> None:
    """That one settles, alone, and the refusal is narrowed down by halves."""
    names = clients(8)
    owed = set(names)
    refusals = [Refusal(frozenset(names), named=frozenset({names[0]}))]
    settle(Partner({names[5]}), owed, refusals)
    assert owed == {names[5]}


@given(
    st.integers(min_value=1, max_value=40).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1), max_size=3))
    ),
    st.booleans(),
)
def test_whoever_is_not_refused_settles(world: tuple[int, set[int]], names_them: bool) -> None:
    """Several at once too, and nobody else is left waiting."""
    count, wrong = world
    names = clients(count)
    refused = {names[each] for each in wrong}
    owed = set(names)
    settle(Partner(refused, names_them=names_them), owed, [])
    assert owed == refused


@given(st.lists(st.sets(st.integers(0, 12), min_size=1), max_size=5), st.sets(st.integers(0, 12)))
def test_the_parts_are_the_clients_who_are_owed_something(
    refused: list[set[int]], owed: set[int]
) -> None:
    """Each of them once, whatever was refused before."""
    names = clients(13)
    refusals = [Refusal(frozenset(names[each] for each in group)) for group in refused]
    parts = parts_of({names[each] for each in owed}, refusals)
    assert sorted(client for part in parts for client in part) == [
        names[each] for each in sorted(owed)
    ]
    assert all(parts)


def test_once_corrected_only_what_is_left_is_sent() -> None:
    """A later run asks again for the one client, alone, and nobody else."""
    names = clients(500)
    owed, refusals = set(names), list[Refusal]()
    settle(Partner({names[4]}), owed, refusals)
    before = [replace(each, recent=False) for each in refusals]
    corrected = Partner(set())
    assert settle(corrected, owed, before) == 1
    assert corrected.requests == 1
    assert owed == set()


def test_a_client_who_stays_refused_does_not_hold_one_who_was_corrected() -> None:
    """Both come last and alone; the run goes on with the second after the first is refused."""
    names = clients(20)
    owed, refusals = set(names), list[Refusal]()
    settle(Partner({names[3], names[7]}), owed, refusals)
    before = [replace(each, recent=False) for each in refusals]
    for corrected in (names[3], names[7]):
        left = {names[3], names[7]}
        settle(Partner(left - {corrected}), left, list(before))
        assert left == {names[3], names[7]} - {corrected}


def test_a_partner_that_refuses_everybody_is_left_to_people() -> None:
    """It ends, long before each client was refused alone."""
    names = clients(500)
    partner = Partner(names)
    owed = set(names)
    settle(partner, owed, [])
    assert len(owed) == 500
    assert partner.requests == 24


def test_nothing_goes_on_without_a_refusal() -> None:
    """What is owed for another reason waits for a person, or for a retry."""
    assert not goes_on({"client"}, [])
    assert not goes_on({"client"}, [Refusal(frozenset({"client", "other"}), recent=False)])
