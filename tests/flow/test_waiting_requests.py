"""A request waits for every lower one of its date, and takes over the outcome of the one it meets.

So on-call reads the cause at once, in its own words, whichever task they open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.config.limits import Approval
from settlement.errors import (
    ApprovalMissingError,
    DivergedSlotError,
    HeldConnectionError,
    OutcomeUnknownError,
    RefusedError,
    SettlementError,
    SettlementFailedError,
    StoppedError,
    SupersededError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.people.holds import put_on_hold
from settlement.ledger.people.questions import open_questions
from settlement.ledger.people.stop import raise_stop
from support.day import ACTOR, ALICE, BOB, CAROL, DAVE, DAY, ERIN, FRANK, World, demo_partner
from support.recorder import Recorder

Happens: TypeAlias = Callable[[World, str], object]


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Six clients, and a request for each position."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.api = Recorder(world.api)
    for buyer, seller in ((ALICE, BOB), (CAROL, DAVE), (ERIN, FRANK)):
        world.trade(buyer, seller, 100)
    return world


def errors_of(world: World, external_ids: list[str]) -> list[SettlementError]:
    """How one task a request ends, one after the other."""
    errors: list[SettlementError] = []
    for external_id in external_ids:
        try:
            world.submit(external_id)
        except SettlementError as error:
            errors.append(error)
    return errors


def somebody_else_was_faster(world: World, first: str) -> None:
    """Another settlement is booked under the first id before ours arrives."""
    world.fault(FaultKind.FOREIGN, route=Route.SUBMIT, external_id=first)


def the_partner_says_no(world: World, first: str) -> None:
    """A refusal, for good."""
    world.fault(FaultKind.BAD_REQUEST, route=Route.SUBMIT, external_id=first)


def everything_is_stopped(world: World, first: str) -> None:
    """The stop flag goes up after the build."""
    with world.ledger.transaction() as tx:
        raise_stop(tx, "demo", "something is wrong", ACTOR)


def a_client_is_held(world: World, first: str) -> None:
    """The client of the first request."""
    current = world.slot(first).current
    assert current is not None
    (key, *_) = current.positions
    with world.ledger.transaction() as tx:
        put_on_hold(tx, "demo", key.connection_id, "under review", None, ACTOR)


def an_approval_is_needed(world: World, first: str) -> None:
    """The partner file is edited after the requests were signed."""
    edited = {"approval": Approval.model_validate({"requests": 1})}
    world.partner = world.partner.model_copy(update=edited)


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (somebody_else_was_faster, DivergedSlotError),
        (the_partner_says_no, RefusedError),
        (everything_is_stopped, StoppedError),
        (a_client_is_held, HeldConnectionError),
        (an_approval_is_needed, ApprovalMissingError),
    ],
)
def test_what_waits_fails_for_good_with_what_it_waits_for(
    world: World, happens: Happens, outcome: type[SettlementError]
) -> None:
    """None says that its outcome is unknown, and none is tried again: nothing was sent for it."""
    first, *others = world.prepare()
    happens(world, first)
    errors = errors_of(world, [first, *others])
    waiting = errors[-len(others) :]
    assert {type(each) for each in errors} == {outcome}
    assert len(waiting) == len(others)
    assert not any(each.retryable for each in errors)
    sent = [] if outcome in {StoppedError, HeldConnectionError, ApprovalMissingError} else [first]
    assert world.api.settlements == sent
    if outcome is not DivergedSlotError:
        assert all(
            f"{other} is not sent yet" in each.message for other, each in _pairs(others, waiting)
        )


def _pairs(others: list[str], errors: list[SettlementError]) -> list[tuple[str, SettlementError]]:
    return list(zip(others, errors, strict=True))


def test_a_conflict_is_looked_up_by_the_next_request_and_a_person_is_asked(world: World) -> None:
    """Its own task leaves a 409 to the reconciliation, which comes after all requests."""
    first, second, *_ = world.prepare()
    somebody_else_was_faster(world, first)
    assert world.submit(first).in_conflict
    with pytest.raises(DivergedSlotError):
        world.submit(second)
    with world.ledger.transaction() as tx:
        assert [each.external_id for each in open_questions(tx, "demo", DAY)] == [first]


def test_a_conflict_about_the_payload_is_looked_up_by_what_waits_for_it(world: World) -> None:
    """The partner refuses to give a payload since something is under that id: nothing was sent."""
    world.trade(ALICE, BOB, 7)
    first = f"demo-{DAY}-1"
    world.fault(FaultKind.CONFLICT, route=Route.PAYLOAD, external_id=first)
    _, second, *_ = sorted(world.prepare())
    with pytest.raises(OutcomeUnknownError, match=f"{second} is not sent yet.*409.*looked up"):
        world.submit(second)
    assert world.slot(first).absences == 1
    with pytest.raises(SupersededError, match=r"no signing payload.*clear build_requests"):
        world.submit(second)


def test_a_silent_partner_is_asked_once_a_try(world: World) -> None:
    """The first request finds out that there is no answer; the others believe it."""
    first, *others = world.prepare()
    world.fault(FaultKind.DROP_BEFORE, times=None)
    before = len(world.api.requests)
    errors = errors_of(world, [first, *others])
    assert [type(each) for each in errors] == [OutcomeUnknownError] * len([first, *others])
    assert len(world.api.requests) == before + 1
    assert "the next try asks it again" in errors[-1].message


def test_once_the_partner_answers_again_what_waited_is_sent(world: World) -> None:
    """The silence is over with the next answer, whatever it is about."""
    ready = world.prepare()
    world.fault(FaultKind.DROP_BEFORE)
    assert len(errors_of(world, ready)) == len(ready)
    assert errors_of(world, ready) == []
    assert set(world.states().values()) == {"completed"}


def test_nothing_waits_for_a_request_that_only_lacks_funds(world: World) -> None:
    """The partner shows it: whatever was sent before is under that id."""
    first, *others = world.prepare()
    world.fault(FaultKind.FAILED, route=Route.SUBMIT, external_id=first)
    assert [type(each) for each in errors_of(world, [first])] == [SettlementFailedError]
    assert errors_of(world, others) == []
