"""Above the approval limits nothing is signed or sent that somebody else has not approved."""

from __future__ import annotations

import pytest

from partner_sandbox.faults import FaultKind, Route
from settlement.config.limits import Approval
from settlement.config.partner_file import PartnerFile
from settlement.errors import (
    ApprovalMissingError,
    DecisionError,
    OutcomeUnknownError,
    RefusedError,
)
from settlement.ledger.database import Ledger
from settlement.ledger.people.questions import Choice, Question, Subject, open_questions
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.decide import Decided, body_of, decide, title_of
from settlement.steps.sign import sign_requests
from settlement.values import Actor
from support.day import ALICE, BOB, CAROL, DAVE, DAY, World, demo_partner
from support.in_process import net_of
from support.recorder import Recorder

SLOT, SECOND = "demo-2026-03-03-1", "demo-2026-03-03-2"
PERSON = Actor("petra")


def above(**limits: object) -> PartnerFile:
    """A partner file with these approval limits."""
    return demo_partner(approval=Approval.model_validate(limits))


@pytest.fixture
def world(ledger: Ledger) -> World:
    """One trade of 100 BTC against 300 USD, in base units; more than 150 BTC gross is approved."""
    world = World(ledger, above(gross={"BTC": 150}))
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    return world


def open_now(world: World) -> list[Question]:
    """Questions that wait for a person."""
    with world.ledger.transaction() as tx:
        return open_questions(tx, world.partner.name, DAY)


def answer(world: World, choice: Choice, who: Actor = PERSON, digest: str = "") -> Decided:
    """Answer the question that is open, or the one named."""
    digest = digest or open_now(world)[0].digest
    return decide(world.desk_of(who), digest, choice, "the totals fit")


def refused_for_approval(world: World) -> str:
    """The text with which a run ends that needs an approval."""
    with pytest.raises(ApprovalMissingError) as refused:
        world.run()
    return str(refused.value)


def test_a_day_within_the_limits_asks_nobody(world: World) -> None:
    """At a limit is not above it."""
    world.partner = above(gross={"BTC": 200, "ETH": 0}, requests=1)
    world.run()
    assert open_now(world) == []
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_day_above_a_limit_waits_for_a_person(world: World) -> None:
    """Nothing is signed or sent; the question shows requests, totals and the limit."""
    said = refused_for_approval(world)
    assert "BTC 200 above 150" in said
    assert "settlement decide demo" in said
    assert world.api.settlements == []
    (asked,) = open_now(world)
    assert asked.subject is Subject.APPROVAL
    assert [each["external_id"] for each in asked.facts["requests"]] == [SLOT]
    assert asked.facts["totals"][0] == {"currency": "BTC", "net": "0", "gross": "200"}
    text = body_of(asked, world.partner.currencies)
    assert text.startswith("**test started the run that asks: somebody else answers.**")
    title = title_of(asked, world.partner.currencies)
    assert title.startswith(f"demo {DAY}, 0.00000200 BTC, 6.02 USD: may these requests")
    assert "0.00000200 BTC gross, 0.00000150 go without approval" in text
    assert asked.facts["requests"][0]["body_digest"] in text


def test_what_is_approved_is_sent(world: World) -> None:
    """Another person's yes, and the same run goes on."""
    refused_for_approval(world)
    decided = answer(world, Choice.APPROVE)
    assert not decided.run_again
    assert sign_requests(world.desk, world.signer, DAY) == [SLOT]
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
    assert open_now(world) == []


def test_an_approval_covers_the_amounts_that_were_shown_and_no_others(world: World) -> None:
    """Late trades before the send make another request: it is asked about again."""
    refused_for_approval(world)
    (first,) = open_now(world)
    answer(world, Choice.APPROVE)
    world.trade(CAROL, DAVE, 5)
    refused_for_approval(world)
    (second,) = open_now(world)
    assert second.digest != first.digest
    assert world.api.settlements == []
    answer(world, Choice.APPROVE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_an_approval_of_what_has_been_built_anew_comes_too_late(world: World) -> None:
    """The amounts that the person saw are gone: the answer is refused."""
    refused_for_approval(world)
    (first,) = open_now(world)
    world.trade(CAROL, DAVE, 5)
    refused_for_approval(world)
    with pytest.raises(DecisionError, match="out of date"):
        answer(world, Choice.APPROVE, digest=first.digest)


def test_late_trades_on_an_approved_day_are_approved_by_themselves(world: World) -> None:
    """What is in effect counts against the limit; only what is not sent yet is asked about."""
    refused_for_approval(world)
    answer(world, Choice.APPROVE)
    world.run()
    world.trade(CAROL, DAVE, 5)
    refused_for_approval(world)
    (asked,) = open_now(world)
    assert [each["external_id"] for each in asked.facts["requests"]] == [SECOND]
    assert asked.facts["in_effect"] == 1
    answer(world, Choice.APPROVE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_what_is_rejected_is_not_sent_and_a_run_started_again_asks_again(world: World) -> None:
    """A no ends the run; it is not asked again by signing, but by the next build."""
    refused_for_approval(world)
    (first,) = open_now(world)
    answer(world, Choice.REJECT)
    with pytest.raises(ApprovalMissingError, match="petra rejected it"):
        sign_requests(world.desk, world.signer, DAY)
    assert open_now(world) == []
    refused_for_approval(world)
    (second,) = open_now(world)
    assert second.digest != first.digest
    answer(world, Choice.APPROVE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


@pytest.mark.parametrize(
    ("requester", "decider"),
    [("petra", "petra"), ("petra (command line)", "petra"), ("petra", "petra (command line)")],
)
def test_who_started_the_run_does_not_approve_it(
    world: World, requester: str, decider: str
) -> None:
    """Two people, in the UI or at the command line."""
    computed = compute_net_positions(world.desk_of(Actor(requester)), world.warehouse, DAY)
    built = build_requests(world.desk_of(Actor(requester)), DAY, computed.generation)
    assert built.approval == open_now(world)[0].digest
    with pytest.raises(DecisionError, match="somebody else"):
        answer(world, Choice.APPROVE, Actor(decider))
    answer(world, Choice.APPROVE, Actor("olga"))
    assert open_now(world) == []


def test_a_refused_request_with_the_same_amounts_is_approved_still(world: World) -> None:
    """The partner's no frees the slot; the same amounts under the same id were approved."""
    refused_for_approval(world)
    answer(world, Choice.APPROVE)
    world.fault(FaultKind.FORBIDDEN, route=Route.SUBMIT)
    with pytest.raises(RefusedError):
        world.run()
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_request_that_was_signed_before_the_limit_is_not_sent_without_approval(
    world: World,
) -> None:
    """The send looks once more: the partner file became stricter after the signature."""
    world.partner = above()
    world.prepare()
    world.partner = above(gross={"BTC": 150})
    with pytest.raises(ApprovalMissingError, match="Clear build_requests"):
        world.submit(SLOT)
    assert world.api.settlements == []


def test_a_request_on_its_way_is_sent_again_without_approval(world: World) -> None:
    """Its bytes are out already; the same bytes again are no new money."""
    world.partner = above()
    world.fault(FaultKind.DROP_BEFORE, route=Route.SUBMIT)
    world.prepare()
    with pytest.raises(OutcomeUnknownError):
        world.submit(SLOT)
    world.partner = above(gross={"BTC": 150})
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_more_requests_than_go_alone_wait_all_together(ledger: Ledger) -> None:
    """The count is a limit too; one approval names them all."""
    one_each = {"max_connections_per_request": 1, "approval": Approval(requests=1)}
    world = World(ledger, demo_partner(**one_each))
    world.api = Recorder(world.api)
    world.trade(ALICE, BOB, 100)
    assert "requests" in refused_for_approval(world)
    (asked,) = open_now(world)
    assert len(asked.facts["requests"]) > 1
    assert world.api.settlements == []
    answer(world, Choice.APPROVE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_lost_ledger_asks_again_for_what_is_not_sent(world: World, fresh_ledger: Ledger) -> None:
    """The approval is lost with the ledger; the same amounts are asked about once more."""
    refused_for_approval(world)
    answer(world, Choice.APPROVE)
    world.ledger = fresh_ledger
    refused_for_approval(world)
    assert world.api.settlements == []
    answer(world, Choice.APPROVE)
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)
