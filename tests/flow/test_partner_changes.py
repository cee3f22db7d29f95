"""A partner that changes what it sends: named, recorded once, and nothing settled wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from partner_sandbox.demo_world import demo_world_with_disputes
from partner_sandbox.faults import FaultKind, Route
from settlement.doctor.contract import check_contract
from settlement.doctor.diagnosis import Health
from settlement.doctor.partner import check_partner
from settlement.errors import NotSettledError, OutcomeUnknownError, SettlementError
from settlement.ledger import partner_changes
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.partner_changes import recorded_changes
from settlement.partner.exchange import Answer
from settlement.watch.finding import Kind
from support.between import About, Between, Change, asks_payload, lists, reads_one, sends
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of
from support.partners_clock import PartnersClock
from support.watching import kinds, look

SLOT = f"demo-{DAY}-1"
Edit = Callable[[dict[str, Any], str], None]


def connections(method: str, path: str) -> bool:
    """The list of connections."""
    return method == "GET" and path.endswith("/partners/connections")


def balances(method: str, path: str) -> bool:
    """The balances."""
    return path.endswith("/partners/balances")


def partners(method: str, path: str) -> bool:
    """The partner itself."""
    return path.endswith("/partners")


def disputes(method: str, path: str) -> bool:
    """The disputes."""
    return path.endswith("/partners/settlement/disputes")


def gone(holder: dict[str, Any], field: str) -> None:
    """The field is not sent any more."""
    holder.pop(field, None)


def renamed(new: str) -> Edit:
    """The field has another name."""

    def edit(holder: dict[str, Any], field: str) -> None:
        if field in holder:
            holder[new] = holder.pop(field)

    return edit


def to(value: object) -> Edit:
    """The field has this value, whatever it was, if it was there."""
    return lambda holder, field: holder.update({field: value})


def number(holder: dict[str, Any], field: str) -> None:
    """A number instead of its text."""
    holder[field] = int(holder[field])


def deeper(holder: dict[str, Any], field: str) -> None:
    """The value is nested one level deeper."""
    holder[field] = {"value": holder[field]}


def edited(path: str, edit: Edit) -> Change:
    """The answer with the field at this path edited, in every item of lists and maps on the way."""
    *way, field = path.split(".")

    def holders(content: Any, steps: list[str]) -> list[dict[str, Any]]:
        if not steps:
            return [content] if isinstance(content, dict) else []
        step, *rest = steps
        inner = content.values() if step == "*" else [content.get(step.removesuffix("[]"))]
        if step.endswith("[]"):
            inner = [item for each in inner for item in each or []]
        return [found for each in inner if each is not None for found in holders(each, rest)]

    def change(answer: Answer) -> Answer:
        content = json.loads(answer.content)
        for holder in holders(content, way):
            edit(holder, field)
        return replace(answer, content=json.dumps(content).encode())

    return change


@dataclass(frozen=True)
class Mutation:
    """One change of one route.

    `named` must be said of it; `state` is the slot's while it lasts, None where no slot is built.
    """

    about: About
    path: str
    edit: Edit
    named: str
    state: str | None

    def __str__(self) -> str:
        return f"{self.about.__name__} {self.path} {self.edit.__qualname__.split('.')[0]}"


DETAIL = "settlementTransfers[]"
MUTATIONS = [
    # the answer to a submit
    Mutation(sends, "settlement.status", to("netted"), 'not published: "netted"', "pending"),
    Mutation(sends, "settlement.status", to("COMPLETED"), 'not published: "COMPLETED"', "pending"),
    Mutation(sends, "settlement.status", to(3), "settlement.status: another type", "unknown"),
    Mutation(sends, "settlement.status", gone, "settlement.status: a required field", "unknown"),
    Mutation(sends, "settlement.status", deeper, "settlement.status: another type", "unknown"),
    Mutation(sends, "settlement.externalId", renamed("ref"), "settlement.ref: a field", "unknown"),
    Mutation(sends, "settlement.id", to(17), "settlement.id: another type", "unknown"),
    Mutation(sends, "settlement.settlementType", to("hybrid"), '"hybrid"', "completed"),
    Mutation(sends, "settlement.riskScore", to(0.5), "settlement.riskScore: a field", "completed"),
    Mutation(sends, "settlement", renamed("result"), "submit.result: a field", "unknown"),
    # the answer to a request for a payload
    Mutation(asks_payload, "payload", deeper, "payload.payload: another type", "prepared"),
    Mutation(asks_payload, "payload", renamed("text"), "payload.text: a field", "prepared"),
    # the list of settlements: what counts is read from the settlement itself
    Mutation(lists, "settlements[].status", to("archived"), 'published: "archived"', "completed"),
    Mutation(lists, "settlements[].createdAt", to(17), "createdAt: another type", "unknown"),
    Mutation(lists, "settlements[].updatedAt", gone, "updatedAt: a required field", "completed"),
    Mutation(lists, "settlements[].externalId", to(None), "externalId: another type", "unknown"),
    Mutation(lists, "settlements", renamed("items"), "settlements.items: a field", None),
    # one settlement with its transfers
    Mutation(reads_one, "settlement.status", to("netted"), 'not published: "netted"', "pending"),
    Mutation(reads_one, f"{DETAIL}.status", to("netted"), 'not published: "netted"', "pending"),
    Mutation(reads_one, f"{DETAIL}.quantity", number, "quantity: another type", "unknown"),
    Mutation(reads_one, f"{DETAIL}.quantity", renamed("amount"), ".amount: a field", "unknown"),
    Mutation(reads_one, f"{DETAIL}.currency", deeper, "currency: another type", "unknown"),
    Mutation(reads_one, f"{DETAIL}.destinationNetworkAccountId", gone,
             "destinationNetworkAccountId: a required field", "unknown"),
    Mutation(reads_one, f"{DETAIL}.feeQuantity", to("1"), "feeQuantity: a field", "completed"),
    # connections
    Mutation(connections, "connections[].networkAccountId", renamed("account"),
             "connections[].account: a field", None),
    Mutation(connections, "connections[].active", to("true"), "active: another type", None),
    Mutation(connections, "connections[].policyResult", to("waived"), '"waived"', "completed"),
    # balances: no date waits for them
    Mutation(balances, "networkBalances.*.balances.*.available", number,
             "available: another type", "completed"),
    Mutation(balances, "networkBalances", deeper, "networkBalances{}.<id>: a field", "completed"),
]  # fmt: skip
MUTATIONS_WITH_DISPUTES = [
    Mutation(partners, "partners[].clientDisputeWindowMinutes", to("60"),
             "clientDisputeWindowMinutes", "completed"),
    Mutation(disputes, "disputes[].disputeClosure.status", to("appealed"), '"appealed"',
             "completed"),
    Mutation(disputes, "disputes[].disputeClosure.adjustedTransfers", deeper,
             "adjustedTransfers", "completed"),
]  # fmt: skip


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients, in one request."""
    world = World(ledger)
    world.api = Between(world.api)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 50)
    return world


def disputing(ledger: Ledger, clock: PartnersClock) -> World:
    """A settled date of a partner whose clients may dispute, with a dispute that was closed."""
    kind = demo_world_with_disputes(count=6)
    world = World(ledger, demo_partner(api_version="v2"), clock=clock, kind_of_partner=kind)
    world.api = Between(world.api)
    world.trade(ALICE, BOB, 100)
    with pytest.raises(NotSettledError, match="is pending"):
        world.run()
    raised = world.sandbox.raise_dispute(SLOT, BOB, {"BTC": -80}, "20 too many")
    clock.windows_end()
    world.run()
    world.sandbox.close_dispute(raised.id, {"BTC": -80}, "admin")
    return world


def recorded(world: World) -> list[str]:
    """What is recorded of the partner, in words."""
    with world.ledger.transaction() as tx:
        return [str(each.change) for each in recorded_changes(tx, "demo")]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutated_answer_is_named_and_settles_nothing_wrongly(
    world: World, mutation: Mutation
) -> None:
    """While it lasts nothing is guessed; when it is gone, the date settles, once."""
    world.api.put(mutation.about, edited(mutation.path, mutation.edit))
    if mutation.about is sends:  # a look-up would tell the truth
        (name,) = world.prepare()
        with suppress(SettlementError):
            world.submit(name)
    else:
        runs_that_need_look_ups(world)
    assert list(world.states().values()) == ([mutation.state] if mutation.state else [])
    assert any(mutation.named in each for each in recorded(world)), recorded(world)
    nothing_is_booked_twice(world)
    world.api.gone()
    world.sandbox.faults.clear()
    world.run()
    assert world.states() == {SLOT: "completed"}
    (shown,) = world.sandbox.settlements()
    assert world.slot(SLOT).settlement_id == shown.id
    assert world.booked() == net_of(world.warehouse.trades)
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    named = recorded(world)
    assert len(named) == len(set(named))


def runs_that_need_look_ups(world: World) -> None:
    """An answer is lost and a 409 follows: every route of version 1 is asked."""
    for fault in (FaultKind.DROP_AFTER, FaultKind.CONFLICT):
        world.fault(fault, route=Route.SUBMIT)
        with suppress(SettlementError):
            world.run()


def nothing_is_booked_twice(world: World) -> None:
    """And what the ledger takes as booked is."""
    booked, net = world.booked(), net_of(world.warehouse.trades)
    assert booked in ({}, net)
    assert "completed" not in world.states().values() or booked == net


@pytest.mark.parametrize("mutation", MUTATIONS_WITH_DISPUTES, ids=str)
def test_a_mutated_answer_about_disputes_is_named(ledger: Ledger, mutation: Mutation) -> None:
    """By the event, or by the error where nothing is recorded; a closure as it is called."""
    world = disputing(ledger, PartnersClock())
    booked = world.booked()
    world.api.put(mutation.about, edited(mutation.path, mutation.edit))
    said, reader = [], world.desk.reader
    for read in (reader.dispute_windows, reader.disputes):
        try:
            said.append(str(read()))
        except OutcomeUnknownError as error:
            said.append(error.message)
    assert any(mutation.named in each for each in [*recorded(world), *said])
    with suppress(SettlementError):
        world.run()
    assert world.states() == {SLOT: mutation.state}
    assert world.booked() == booked
    assert len(world.sandbox.settlements()) == 1
    if '"appealed"' in mutation.named:
        assert "closed, appealed" in [each.status for each in reader.disputes()]


def test_thirty_changes_are_tried() -> None:
    """Fields gone, new and renamed, other types, new values, numbers for texts, deeper nesting."""
    assert len(MUTATIONS) + len(MUTATIONS_WITH_DISPUTES) >= 30


# recorded once


def test_a_change_is_one_event_however_often_it_is_seen(world: World) -> None:
    """By this process and by another one, with the raw value; the watch says it."""
    world.api.put(
        lambda method, path: sends(method, path) or reads_one(method, path),
        edited("settlement.status", to("netted")),
    )
    for _ in range(3):
        with pytest.raises(NotSettledError, match=r"is pending \(.*'netted', which is not known"):
            world.run()
        assert world.states() == {SLOT: "pending"}
        partner_changes._told.clear()  # as another process starts
    said = recorded(world)
    assert said == [
        f'{place}.settlement.status: a value that is not published: "netted"'
        for place in ("submit", "settlement")
    ]
    found = [each for each in look(world) if each.kind is Kind.PARTNER_CHANGED]
    assert [each.needs_a_person for each in found] == [True, True]
    assert said[0] in found[0].text
    later = [each for each in look(world, later=timedelta(days=2)) if each.kind is found[0].kind]
    assert [each.needs_a_person for each in later] == [False, False]
    assert Kind.PARTNER_CHANGED not in kinds(look(world, later=timedelta(days=31)))


def test_a_new_field_is_said_and_turns_nothing_red(world: World) -> None:
    """BitGo calls it a harmless change, and it is."""
    world.api.put(sends, edited("settlement.riskScore", to(0.5)))
    world.run()
    (found,) = [each for each in look(world) if each.kind is Kind.PARTNER_CHANGED]
    assert not found.needs_a_person
    assert "submit.settlement.riskScore: a field that is not published: " in found.text


def test_kinds_without_an_end_are_not_recorded_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of fields that are made up anew each time."""
    monkeypatch.setattr(partner_changes, "MOST_RECORDED", 3)
    for number_of_field in range(5):
        edit = edited(f"settlement.extra{number_of_field}", to(1))
        world.api.put(lists, edit)
        world.api.put(sends, edit)
        world.trade(ALICE, BOB, 1)
        world.run()
    assert len(recorded(world)) == 3


# the doctor, and the sandbox itself


def test_the_sandbox_sends_what_is_published(world: World, fresh_ledger: Ledger) -> None:
    """In every answer of both versions, disputes and their closures among them."""
    world.run()
    clock = PartnersClock()
    with_disputes = disputing(fresh_ledger, clock)
    with_disputes.desk.reader.disputes()
    for each, answers in ((world, 6), (with_disputes, 7)):
        assert recorded(each) == []
        (found,) = check_contract(each.api, each.partner)
        assert (found.health, found.subject) == (Health.OK, "published API")
        assert found.text.startswith(f"{answers} answers are as published")


def test_the_doctor_names_what_differs_with_the_source(world: World) -> None:
    """A new field is worth knowing; anything else is wrong."""
    world.run()
    world.api.put(reads_one, edited("settlementTransfers[].status", to("netted")))
    (found,) = check_contract(world.api, world.partner)
    assert found.health is Health.WRONG
    for part in ('not published: "netted"', "one of transfer_status", "api.yaml", "2026-08-11"):
        assert part in found.text
    world.api.put(connections, edited("connections[].tier", to("gold")))
    (found,) = check_contract(world.api, world.partner)
    assert (found.health, "connections[].tier" in found.text) == (Health.NOTE, True)
    world.api.put(balances, lambda _: Answer(503, b"<html>"))
    first, *rest = check_contract(world.api, world.partner)
    assert (first.health, "partners/balances (HTTP 503" in first.text) == (Health.NOTE, True)
    assert [each.health for each in rest] == [Health.OK]


@pytest.mark.parametrize(
    ("licensed", "health", "says"),
    [(True, Health.OK, "active and licensed"), (False, Health.WRONG, "not licensed for it")],
)
def test_the_doctor_reads_the_licence(
    world: World, licensed: bool, health: Health, says: str
) -> None:
    """Before the first request is refused for it."""
    world.api.put(partners, edited("partners[].isLicensedForPartner", to(licensed)))
    found = check_partner(world.api, world.partner, world.ledger.now())
    (of_partner,) = [each for each in found if each.subject == "partner"]
    assert of_partner.health is health
    assert says in of_partner.text
