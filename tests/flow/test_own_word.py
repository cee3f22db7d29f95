"""Evidence is the partner's own word about what was asked: nothing else is taken for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import select

from partner_sandbox.faults import FaultKind, Route
from settlement.errors import (
    CredentialsError,
    NotSettledError,
    OutcomeUnknownError,
    RefusedError,
    SettlementError,
    UntrustedHostError,
)
from settlement.ledger import attempts
from settlement.ledger.checks.ledger import verify_ledger
from settlement.ledger.database import Ledger
from settlement.ledger.schema import attempt, body, slot
from settlement.partner import reads as partner_reads
from settlement.partner.answers import LARGEST_READ
from settlement.partner.exchange import Answer
from support.an_error import error_of
from support.between import Between, Change, asks_payload, lists, reads_one, sends
from support.day import ALICE, BOB, CAROL, DAVE, World, demo_partner, desk_of
from support.in_process import SandboxApi, net_of

SLOT = "demo-2026-03-03-1"
HTML = b"<html><body>Sign in to the network</body></html>"
OTHER = "6a6f2c1e-0000-4000-8000-0000000000bb"


def says(status: int, content: object) -> Change:
    """Another answer instead."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda _: Answer(status, text)


@pytest.fixture
def world(ledger: Ledger) -> World:
    """Two trades between four clients, in one request."""
    world = World(ledger)
    world.api = Between(world.api)
    world.trade(ALICE, BOB, 100)
    world.trade(CAROL, DAVE, 50)
    return world


def is_settled(world: World) -> None:
    """All is booked, once, and the ledger is sound."""
    assert world.run().completed
    assert world.booked() == net_of(world.warehouse.trades)
    verify_ledger(world.ledger, "demo", world.partner.currencies)


# requests for a signing payload


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refused_payload_is_looked_up_and_frees_its_slot(world: World, status: int) -> None:
    """As docs/answers.md says: in the partner's words, once nothing is found under the id."""
    world.api.put(asks_payload, says(status, {"error": "no such thing"}))
    with pytest.raises(RefusedError, match=f"HTTP {status}: no such thing.*nothing was sent"):
        world.run()
    assert world.states() == {SLOT: "refused"}
    looked_up = [path for method, path in world.api.seen if lists(method, path)]
    assert len(looked_up) >= (3 if status == 401 else 2)  # the listing of the build is one
    assert world.booked() == {}
    world.api.gone()
    is_settled(world)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_page_about_a_payload_is_no_refusal(world: World, status: int) -> None:
    """It is asked again; nothing was sent, so nothing is open."""
    world.api.put(asks_payload, says(status, HTML))
    with pytest.raises(OutcomeUnknownError, match="not the partner's own word"):
        world.run()
    assert world.states() == {SLOT: "prepared"}
    world.api.gone()
    is_settled(world)


def test_a_token_that_is_refused_for_look_ups_too_is_credentials(world: World) -> None:
    """A 401 for the payload, and for the look-ups after it."""
    world.api.put(
        lambda method, path: (
            asks_payload(method, path)
            or (lists(method, path) and any(asks_payload(*each) for each in world.api.seen))
        ),
        says(401, {"error": "unauthorized"}),
    )
    with pytest.raises(CredentialsError):
        world.run()
    assert world.states() == {SLOT: "prepared"}


def test_a_settlement_in_the_answer_about_a_payload_is_looked_up(world: World) -> None:
    """Somebody claims that it is settled; nothing of ours was ever sent, and nothing is there."""
    claimed = {"settlement": {"id": OTHER, "externalId": SLOT, "status": "completed"}}
    world.api.put(asks_payload, says(200, claimed))
    with pytest.raises(OutcomeUnknownError, match="shows no settlement under it"):
        world.run()
    assert world.states() == {SLOT: "unknown"}
    world.api.gone()
    is_settled(world)


# look-ups


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_to_a_look_up_is_not_credentials(world: World, status: int) -> None:
    """Nor anywhere else: what the partner did not say is asked again."""
    world.api.put(lambda method, _: method == "GET", says(status, HTML))
    with pytest.raises(OutcomeUnknownError, match="not the partner's own word"):
        world.run()
    disputing = demo_partner(api_version="v2")
    with pytest.raises(OutcomeUnknownError, match=f"HTTP {status}"):
        desk_of(world.ledger, world.api, disputing).reader.dispute_windows()
    world.api.put(lambda method, _: method == "GET", says(status, {"error": "no"}))
    with pytest.raises(CredentialsError):
        world.run()
    with pytest.raises(CredentialsError):
        desk_of(world.ledger, world.api, disputing).reader.dispute_windows()


def with_changes(settlement: dict[str, object] | None = None, **transfer: object) -> Change:
    """The answer about one settlement, with other values in it."""

    def change(answer: Answer) -> Answer:
        content = json.loads(answer.content)
        content["settlement"] |= settlement or {}
        content["settlementTransfers"] = [
            each | transfer if place == 0 else each
            for place, each in enumerate(content["settlementTransfers"])
        ]
        return replace(answer, content=json.dumps(content).encode())

    return change


ANOTHER = [
    with_changes({"id": OTHER}),
    with_changes({"externalId": "demo-2026-03-03-2"}),
    with_changes({"id": OTHER, "status": "rejected", "reason": "not ours"}),
    with_changes(settlementId=OTHER),
]


@pytest.mark.parametrize("change", ANOTHER)
def test_what_is_shown_of_another_settlement_proves_nothing(world: World, change: Change) -> None:
    """Neither a wrong settlement id in the ledger nor a rejection of what is booked."""
    world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
    with pytest.raises(OutcomeUnknownError):
        world.run()
    world.fault(FaultKind.CONFLICT, route=Route.SUBMIT)
    world.api.put(reads_one, change)
    with pytest.raises(OutcomeUnknownError, match=r"(shows|belongs to) settlement .*, not "):
        world.run()
    assert world.states() == {SLOT: "unknown"}
    world.api.gone()
    is_settled(world)
    (shown,) = world.sandbox.settlements()
    assert world.slot(SLOT).settlement_id == shown.id


def endless(kind: str) -> Change:
    """Every page is full of what was never there before."""
    count = iter(range(10**9))

    def change(answer: Answer) -> Answer:
        content = json.loads(answer.content)
        (first, *_) = content[kind]
        new = [{**first, "id": f"00000000-0000-4000-8000-{next(count):012d}"} for _ in range(100)]
        return replace(answer, content=json.dumps({kind: new}).encode())

    return change


@pytest.mark.parametrize(
    ("bound", "most"), [("MOST_PAGES", 7), ("LONGEST_READING_S", -1)], ids=["pages", "time"]
)
def test_paging_has_an_end(
    world: World, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """A server that ignores the page number is named, with the bounds."""
    monkeypatch.setattr(partner_reads, bound, most)
    api = world.api
    real = api.exchange
    monkeypatch.setattr(
        api, "exchange", lambda method, path, **more: real(method, path, **{**more, "query": []})
    )
    api.put(lambda _, path: path.endswith("/connections"), endless("connections"))
    reader = world.desk.reader
    with pytest.raises(OutcomeUnknownError, match="connections has not ended after") as caught:
        reader.connections()
    assert f"bounds: {partner_reads.MOST_PAGES} pages, " in caught.value.message
    assert f"{partner_reads.LONGEST_READING_S} s" in caught.value.message
    assert len(api.seen) == max(most, 0)


# what was found on the way


def test_a_rejection_that_another_request_found_is_named_by_the_gate(ledger: Ledger) -> None:
    """The second request looks the first one up; the gate says why the first one's is owed."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    first, second, *_ = world.prepare()
    world.fault(FaultKind.REJECTED, route=Route.SUBMIT, external_id=first)
    world.fault(FaultKind.HTML, route=Route.SUBMIT, external_id=first)
    world.api = Between(world.api)
    world.api.put(sends, says(502, HTML))
    with suppress(SettlementError):
        world.submit(first)
    world.api.gone()
    with suppress(SettlementError):
        world.submit(second)
    assert world.states()[first] == "rejected"
    with pytest.raises(NotSettledError) as caught:
        world.verify()
    first_problem = caught.value.message.splitlines()[1]
    assert first_problem.startswith(f"- {first} is rejected (")
    assert first_problem.endswith("[runbook: rejected]")
    world.run()
    assert world.booked() == net_of(world.warehouse.trades)


def test_a_huge_answer_is_neither_read_nor_kept_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size and digest of all of it, and its beginning; it proves nothing."""
    monkeypatch.setattr(attempts, "KEPT_OF_MORE", 1000)
    huge = b'{"settlement": {"reason": [' + b"{}," * (LARGEST_READ // 3) + b"{}]}}"
    world.api.put(sends, says(200, huge))
    with pytest.raises(OutcomeUnknownError):
        world.run()
    assert world.states() == {SLOT: "unknown"}
    with world.ledger.transaction() as tx:
        row = tx.execute(select(attempt).where(attempt.c.kind == "submit")).one()
    assert row.answer == huge[:1000]
    assert f"{len(huge)} bytes, sha256 " in row.error
    world.api.gone()
    is_settled(world)


# a host that is not the partner


class Untrusted:
    """A partner API whose certificate is not trusted, for some requests."""

    def __init__(self, api: SandboxApi, about: Callable[[str, str], bool]) -> None:
        self.api, self.about = api, about
        self.meanwhile: Callable[[], None] = lambda: None

    @property
    def base_url(self) -> str:
        """That of the partner."""
        return self.api.base_url

    def exchange(self, method: str, path: str, **more: object) -> Answer:
        """Nothing is sent."""
        if self.about(method, path):
            self.meanwhile()
            raise error_of(UntrustedHostError)
        return self.api.exchange(method, path, **more)


@pytest.mark.parametrize("about", [sends, asks_payload, lambda *_: True])
def test_an_untrusted_certificate_leaves_nothing_unknown(
    world: World, about: Callable[[str, str], bool]
) -> None:
    """A configuration error at once; not one byte has left, so the slot is prepared, and free."""
    trusted = world.api
    world.api = Untrusted(trusted, about)
    for _ in range(2):
        with pytest.raises(UntrustedHostError):
            world.run()
        assert set(world.states().values()) <= {"prepared"}
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    with world.ledger.transaction() as tx:
        unanswered = select(attempt.c.never_sent).where(attempt.c.error.is_not(None))
        assert all(tx.execute(unanswered).scalars())
        assert tx.execute(select(slot.c.first_sent_at)).scalars().all() in ([], [None])
        assert tx.execute(select(body.c.sent_at)).scalars().all() in ([], [None])
    world.trade(ALICE, BOB, 7)  # the slot is filled anew, with other bytes
    world.api = trusted
    is_settled(world)


def test_another_attempt_that_may_have_left_keeps_the_slot_unknown(world: World) -> None:
    """A second worker's bytes are on their way, so this one's failure frees nothing."""
    (name,) = world.prepare()
    trusted = world.api
    world.api = Untrusted(trusted, sends)

    def another_worker() -> None:
        world.fault(FaultKind.DROP_AFTER, route=Route.SUBMIT)
        mine, world.api = world.api, trusted
        with pytest.raises(OutcomeUnknownError):
            world.submit(name)
        world.api = mine

    world.api.meanwhile = another_worker
    with pytest.raises(UntrustedHostError):
        world.submit(name)
    assert world.states() == {SLOT: "unknown"}
    verify_ledger(world.ledger, "demo", world.partner.currencies)
    world.api = trusted
    is_settled(world)


def test_two_workers_at_an_untrusted_host_leave_it_prepared(world: World) -> None:
    """Each proves that its own bytes have not left; together they prove all."""
    (name,) = world.prepare()
    world.api = Untrusted(world.api, sends)

    def another_worker() -> None:
        world.api.meanwhile = lambda: None
        with pytest.raises(UntrustedHostError):
            world.submit(name)
        assert world.states() == {SLOT: "unknown"}  # the first one's bytes could still leave

    world.api.meanwhile = another_worker
    with pytest.raises(UntrustedHostError):
        world.submit(name)
    assert world.states() == {SLOT: "prepared"}
    verify_ledger(world.ledger, "demo", world.partner.currencies)


def test_a_request_that_waits_for_another_says_the_same(ledger: Ledger) -> None:
    """Not *unknown*, which would be retried: no request can be sent to that host."""
    world = World(ledger, demo_partner(max_connections_per_request=1))
    world.trade(ALICE, BOB, 100)
    _, second, *_ = world.prepare()
    world.api = Untrusted(world.api, sends)
    with pytest.raises(UntrustedHostError):
        world.submit(second)
    assert set(world.states().values()) == {"prepared"}
