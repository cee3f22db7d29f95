"""A refusal holds only the client that it is about: everybody else settles without a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from partner_sandbox.demo_world import demo_world
from settlement.config.limits import Limits
from settlement.errors import LimitExceededError, NotSettledError, RefusedError, SettlementError
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.pages.date_page import read_date_page
from settlement.partner.exchange import Answer
from settlement.slot.state import State
from settlement.steps.branch import run_to_narrow
from support.between import Between, sends
from support.day import DAY, World, demo_partner
from support.in_process import net_of
from support.recorder import Recorder

MANY = 500
MORE_REQUESTS = 12


def refuse(world: World, *clients: str, text: str = "settlement cannot be processed") -> None:
    """From now on the partner refuses these clients and no others."""
    there = world.kind_of_partner
    (partner,) = there.partners
    connections = tuple(
        each.changed(refused_with=text if each.id in clients else None)
        for each in partner.connections
    )
    world.kind_of_partner = there.changed(partners=(partner.changed(connections=connections),))
    world.sandbox.world = world.kind_of_partner


def runs_by_itself(world: World) -> Iterator[str]:
    """A person's run, and those that are started to narrow a refusal down; how each ended."""
    while True:
        try:
            world.run()
            yield "green"
        except SettlementError as error:
            yield type(error).__name__
        if run_to_narrow(world.desk, DAY) is None:
            return


def settle(world: World) -> list[str]:
    """All of them; the last word."""
    return list(runs_by_itself(world))


def owed_by_client(world: World) -> set[str]:
    """Clients of whom nothing, or not all, is booked."""
    net, booked = net_of(world.warehouse.trades), world.booked()
    return {key.connection_id for key in net if net[key] != booked.get(key, 0)}


def with_clients(ledger: Ledger, count: int, **changes: object) -> World:
    """Each client trades with the house; two requests, or more."""
    world = World(ledger, demo_partner(**changes), kind_of_partner=demo_world(count=count))
    world.api = Recorder(world.api)
    (partner,) = world.kind_of_partner.partners
    for number, each in enumerate(partner.connections):
        world.trade(each.id, "house", 100 + number)
    return world


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Eight clients in two requests."""
    return with_clients(ledger, 8, max_connections_per_request=4)


def clients_of(world: World) -> list[str]:
    """All clients, in order."""
    (partner,) = world.kind_of_partner.partners
    return [each.id for each in partner.connections]


def test_of_500_clients_499_settle_without_a_person(ledger: Ledger) -> None:
    """Whoever is refused without being named: it costs at most 12 requests more than two."""
    world = with_clients(ledger, MANY, max_connections_per_request=MANY // 2)
    wrong = clients_of(world)[123]
    refuse(world, wrong)
    ends = settle(world)
    assert owed_by_client(world) == {wrong}
    assert len(world.api.settlements) <= 2 + MORE_REQUESTS
    assert set(ends) == {"RefusedError"}
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    with pytest.raises(NotSettledError, match=wrong):
        world.verify()
    refuse(world)
    world.api.requests.clear()
    assert settle(world) == ["green"]
    assert len(world.api.settlements) == 1
    assert owed_by_client(world) == set()


@pytest.mark.parametrize("number", range(8))
def test_whoever_it_is_the_others_settle(world: World, number: int) -> None:
    """The refused one's request is the last of the date, and is refused, not open."""
    wrong = clients_of(world)[number]
    refuse(world, wrong)
    settle(world)
    assert owed_by_client(world) == {wrong}
    used = [each for each in world.slots() if each.state is not State.WITHDRAWN]
    *others, last = used
    assert {each.state for each in others} == {State.COMPLETED}
    assert last.state is State.REFUSED
    assert last.current is not None
    assert {key.connection_id for key in last.current.positions} == {wrong}


def test_the_page_of_the_date_names_the_client_once_it_is_alone(world: World) -> None:
    """Not while the refused request holds others too, and not once it is settled."""
    wrong = clients_of(world)[1]
    refuse(world, wrong)
    named = [refused_on_page(world) for _ in runs_by_itself(world)]
    assert named[0] == ()
    assert named[-1] == (wrong,)
    refuse(world)
    world.run()
    assert refused_on_page(world) == ()


def refused_on_page(world: World) -> tuple[str, ...]:
    """Whom the date's page names."""
    with world.ledger.transaction() as tx:
        return read_date_page(tx, world.partner, DAY).refused_clients


def test_a_client_that_the_answer_names_is_told_apart_at_once(world: World) -> None:
    """One run more, and two requests less than by halves."""
    wrong = clients_of(world)[2]
    refuse(world, wrong, text=f"connection {wrong.upper()} exceeds its allocated balance")
    assert len(settle(world)) == 2
    assert owed_by_client(world) == {wrong}


def test_two_clients_are_told_apart_and_settle_apart(world: World) -> None:
    """Once one of them is corrected, it settles though the other one is still refused."""
    first, second = clients_of(world)[1], clients_of(world)[6]
    refuse(world, first, second)
    settle(world)
    assert owed_by_client(world) == {first, second}
    for corrected, still in ((second, first), (first, second)):
        refuse(world, still)
        settle(world)
        assert owed_by_client(world) == {still}
        refuse(world, first, second)
        world.trade(corrected, "house", 7)
        settle(world)
        assert owed_by_client(world) == {first, second}
    refuse(world)
    settle(world)
    assert owed_by_client(world) == set()


def test_late_trades_of_others_settle_beside_a_refused_client(world: World) -> None:
    """The refused client stays last; nobody who trades later waits for it."""
    wrong, other = clients_of(world)[0], clients_of(world)[5]
    refuse(world, wrong)
    settle(world)
    world.trade(other, "house", 9)
    settle(world)
    assert owed_by_client(world) == {wrong}


def test_a_partner_file_may_keep_a_refused_request_whole(ledger: Ledger) -> None:
    """Then the date stays as it is until a person has had it corrected."""
    world = with_clients(ledger, 8, refusals="stop")
    refuse(world, clients_of(world)[5])
    for _ in range(2):
        assert settle(world) == ["RefusedError"]
        assert [each.state for each in world.slots()] == [State.REFUSED]


@pytest.mark.parametrize("status", ["forbidden", "bad_token"])
def test_what_concerns_the_whole_partner_is_never_narrowed_down(world: World, status: str) -> None:
    """A licence, a dispute setting, a token: no part of the request would fare better."""
    world.fault(status, route="submit", times=None)  # type: ignore[arg-type]
    assert len(settle(world)) == 1
    assert len({each.external_id for each in world.slots() if not each.never_sent}) == 1


def test_the_limits_count_the_requests_of_a_narrowed_date(ledger: Ledger) -> None:
    """A limit that two requests fit into does not let eight through."""
    limits = Limits.model_validate({"requests_per_date": 3})
    world = with_clients(ledger, 8, max_connections_per_request=4, limits=limits)
    refuse(world, clients_of(world)[0])
    assert settle(world)[-1] == LimitExceededError.__name__


def test_a_partner_that_refuses_everybody_is_soon_left_to_people(ledger: Ledger) -> None:
    """Each refusal is one request; nobody is asked about one by one."""
    world = with_clients(ledger, 60, max_connections_per_request=30)
    refuse(world, *clients_of(world))
    settle(world)
    assert len(world.api.settlements) == 24
    assert world.booked() == {}


def test_what_narrows_goes_on_after_whoever_narrows_is_killed(world: World) -> None:
    """Nothing is remembered but the refusals; the next run of a person begins where they end."""
    wrong = clients_of(world)[3]
    refuse(world, wrong)
    with pytest.raises(RefusedError):
        world.run()
    assert run_to_narrow(world.desk, DAY) is not None  # and it never runs
    settle(world)
    assert owed_by_client(world) == {wrong}


def test_the_same_refusal_starts_the_same_run(world: World) -> None:
    """However often it is asked; another refusal, another run."""
    refuse(world, clients_of(world)[3])
    with pytest.raises(RefusedError):
        world.run()
    (slot,) = [each for each in world.slots() if each.state is State.REFUSED]
    names = [run_to_narrow(world.desk, DAY) for _ in range(2)]
    assert names == [f"narrowing-{slot.external_id}-1"] * 2
    with pytest.raises(RefusedError):
        world.run()
    assert run_to_narrow(world.desk, DAY) not in names


@pytest.mark.parametrize(("status", "hinted"), [(403, True), (400, False)])
def test_what_a_403_may_mean_is_said_by_its_status(
    ledger: Ledger, status: int, hinted: bool
) -> None:
    """Also where nothing is sent any more; what the partner's words look like does not count."""
    world = with_clients(ledger, 2)
    refuse(world, clients_of(world)[0], text="upstream says HTTP 403")
    world.api = Between(world.api)
    world.api.put(sends, lambda answer: Answer(status, answer.content, answer.headers))
    (slot,) = world.prepare()
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            world.submit(slot)
        assert (caught.value.status, caught.value.external_id) == (status, slot)
        assert ("version 1 of the API refuses it" in caught.value.what) == hinted
    assert [sends(*each) for each in world.api.seen].count(True) == 1
