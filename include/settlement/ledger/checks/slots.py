"""Invariants of slots, bodies and transfers: they say what their events say.

Bodies say one thing only; transfers are the ones that the newest event about them names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from settlement.errors import PayloadMismatchError
from settlement.ledger.attempts import may_have_reached
from settlement.ledger.bodies import StoredBody, load_bodies
from settlement.ledger.bound_currencies import UnitsInForce
from settlement.ledger.chain import Event, read_events
from settlement.ledger.checks import Audited, broken
from settlement.ledger.schema import attempt, slot, transfer
from settlement.ledger.transfers import digest_of_transfers, load_transfers
from settlement.request.instruction import (
    SettlementInstruction,
    check_payload,
    digest,
    nonce_of,
)
from settlement.request.notes import notes_of
from settlement.slot.state import State
from settlement.strict_json import from_json
from settlement.values import PartnerName

ADOPTED = "slot found at the partner"
NEED_A_BODY = frozenset(
    {State.PREPARED, State.UNKNOWN, State.PENDING, State.FAILED, State.COMPLETED}
)
NEED_A_SETTLEMENT = frozenset({State.PENDING, State.FAILED, State.COMPLETED})


@dataclass(frozen=True, slots=True)
class Signed:
    """A request that was signed, by its event.

    `request_digest`: SHA-256 over its bytes. `decimals`: of each currency if its amounts are in
    full units, as they were bound then.
    """

    request_digest: str
    decimals: Mapping[str, int] | None


def check_slots(tx: Connection, audited: Audited) -> int:
    """Every slot is where its last event left it; numbers have no gaps of our making."""
    events = _events_by_slot(tx, audited.partner)
    rows = _slots(tx, audited.partner)
    numbers = {(row.business_date, row.n) for row in rows}
    holders: dict[str, str] = {}
    for row in rows:
        about = events.pop(row.external_id, [])
        _check_state(row, about)
        ours = not any(event.kind == ADOPTED for event in about)
        if (
            ours
            and row.n is not None
            and row.n > 1
            and (row.business_date, row.n - 1) not in numbers
        ):
            raise broken(f"the slot before {row.external_id} is gone")
        if row.settlement_id is not None:
            other = holders.setdefault(row.settlement_id, row.external_id)
            if other != row.external_id:
                raise broken(
                    f"{other} and {row.external_id} both hold settlement {row.settlement_id}"
                )
    if events:
        raise broken(f"slot {min(events)} is gone")
    return len(rows)


def _check_state(row: Row[Any], about: Sequence[Event]) -> None:
    last = about[-1].details if about else {}
    said, held = last.get("state"), State(row.state)
    if said != held:
        raise broken(f"slot {row.external_id} is {held.value}, its last event says {said}")
    if last.get("body") != row.current_body:
        raise broken(
            f"slot {row.external_id} has body {row.current_body}, its last event says "
            f"{last.get('body')}"
        )
    if last.get("settlement_id", row.settlement_id) != row.settlement_id:
        raise broken(
            f"slot {row.external_id} has settlement {row.settlement_id}, its last event says "
            f"{last['settlement_id']}"
        )
    if held in NEED_A_BODY and row.current_body is None:
        raise broken(f"slot {row.external_id} is {held.value} without a body")
    if held in NEED_A_SETTLEMENT and row.settlement_id is None:
        raise broken(f"slot {row.external_id} is {held.value} without a settlement id")


def check_bodies(tx: Connection, audited: Audited) -> int:
    """Every body is the one that its events name, signed and sent as its lines say."""
    digests, requests = _digests_in_events(tx, audited)
    count = 0
    for row in _slots(tx, audited.partner):
        bodies = load_bodies(tx, row.external_id)
        count += len(bodies)
        numbers = [each.number for each in bodies]
        if row.current_body is not None and row.current_body not in numbers:
            raise broken(f"current body {row.current_body} of {row.external_id} is gone")
        for number in range(1, max(numbers, default=0) + 1):
            if number not in numbers:
                raise broken(f"body {number} of {row.external_id} is gone")
        submitted = _submitted(tx, row.external_id)
        for each in bodies:
            key = (each.external_id, each.number)
            _check_content(each, digests.pop(key, each.digest))
            if each.request is not None:
                _check_request(each, each.request, requests.get(key))
            _check_sent(each, submitted)
    if digests:
        external_id, number = min(digests)
        raise broken(f"body {number} of {external_id} is gone")
    return count


def _check_content(each: StoredBody, in_event: str) -> None:
    named = f"body {each.number} of {each.external_id}"
    if each.digest != digest(each.lines):
        raise broken(f"the lines of {named} are not the ones that it was built with")
    if each.digest != in_event:
        raise broken(f"{named} is not the one that its event names")
    if each.nonce != nonce_of(each.external_id, each.lines, each.cutoff_at, each.window):
        raise broken(f"the nonce of {named} does not fit its lines")
    if each.notes != notes_of(each.business_date, each.nonce, each.window):
        raise broken(f"the notes of {named} do not fit its nonce")


def _check_request(each: StoredBody, request: bytes, signed: Signed | None) -> None:
    """The exact bytes hold exactly the body's fields, payload and signature, and nothing else."""
    named = f"the request bytes of body {each.number} of {each.external_id}"
    if signed is None or hashlib.sha256(request).hexdigest() != signed.request_digest:
        raise broken(f"{named} are not the ones that were signed")
    try:
        held = from_json(request)
    except ValueError as error:
        raise broken(f"{named} are not JSON ({error})") from error
    instruction = SettlementInstruction.from_lines(
        each.external_id,
        each.lines,
        each.notes,
        each.nonce,
        each.cutoff_at,
        decimals=signed.decimals,
        between_clients=_is_between_clients(held),
    )
    asked = from_json(instruction.signing_request_bytes())
    if held != {**asked, "payload": each.payload, "signature": each.signature}:
        raise broken(f"{named} do not say what the body says")
    try:
        check_payload(instruction, each.payload or "")
    except PayloadMismatchError as error:
        raise broken(
            f"the payload of body {each.number} of {each.external_id} is not what it asks for "
            f"({error.message})"
        ) from error


def _is_between_clients(held: Any) -> bool:
    """Whether stored bytes are of form 2: one level more (partner API, section 4)."""
    amounts = held.get("settlementAmounts") if isinstance(held, dict) else None
    inner = next(iter(amounts.values()), None) if isinstance(amounts, dict) else None
    return isinstance(inner, dict) and any(isinstance(each, dict) for each in inner.values())


def _check_sent(each: StoredBody, submitted: Mapping[int, set[str]]) -> None:
    named = f"body {each.number} of {each.external_id}"
    if each.origin == "adopted":
        return
    attempts = submitted.get(each.number, set())
    if each.sent_at is not None and not attempts:
        raise broken(f"{named} was sent, but no attempt is written for it")
    if each.sent_at is None and attempts:
        raise broken(f"{named} has an attempt, but is not marked as sent")
    if attempts and attempts != {hashlib.sha256(each.request or b"").hexdigest()}:
        raise broken(f"an attempt sent other bytes than those of {named}")


def check_transfers(tx: Connection, audited: Audited) -> int:
    """Every slot's transfers are those that its newest event about them names."""
    named = {
        str(event.external_id): event.details["transfers_digest"]
        for event in read_events(tx, audited.partner)
        if "transfers_digest" in event.details
    }
    query = select(transfer.c.external_id).join(slot, slot.c.external_id == transfer.c.external_id)
    held = set(tx.execute(query.where(slot.c.partner == audited.partner).distinct()).scalars())
    for external_id in sorted(held - named.keys()):
        raise broken(f"transfers of {external_id} were added, but no event names them")
    count = 0
    for external_id, in_event in sorted(named.items()):
        transfers = load_transfers(tx, external_id)
        if digest_of_transfers(transfers) != in_event:
            raise broken(f"the transfers of {external_id} are not the ones that were shown")
        count += len(transfers)
    return count


def _slots(tx: Connection, partner: PartnerName) -> Sequence[Row[Any]]:
    query = select(slot).where(slot.c.partner == partner)
    return tx.execute(query.order_by(slot.c.business_date, slot.c.n, slot.c.external_id)).all()


def _is_about_a_slot(event: Event) -> bool:
    return event.external_id is not None and event.kind != "settlement ignored"


def _events_by_slot(tx: Connection, partner: PartnerName) -> dict[str, list[Event]]:
    """Events that open a slot or say its state, oldest first."""
    about: dict[str, list[Event]] = {}
    for event in read_events(tx, partner):
        if _is_about_a_slot(event) and (event.kind == ADOPTED or "state" in event.details):
            about.setdefault(str(event.external_id), []).append(event)
    return about


def _digests_in_events(
    tx: Connection, audited: Audited
) -> tuple[dict[tuple[str, int], str], dict[tuple[str, int], Signed]]:
    """What events say about bodies: digest of the lines, and the newest signed request."""
    digests: dict[tuple[str, int], str] = {}
    requests: dict[tuple[str, int], tuple[str, Mapping[str, int] | None]] = {}
    units = UnitsInForce()
    for event in read_events(tx, audited.partner):
        units.follow(event)
        number = event.details.get("body")
        if number is None or not _is_about_a_slot(event):
            continue
        key = (str(event.external_id), number)
        if event.details.get("body_digest") is not None:
            digests[key] = event.details["body_digest"]
        if event.kind == "signed":
            bound = units.bound if units.full_units else None
            requests[key] = (event.details["request_digest"], bound)
    # A ledger from before decimals were bound has requests that are older than their binding.
    unbound = {**audited.decimals, **units.first}
    return digests, {
        key: Signed(request_digest, None if bound is None else {**unbound, **bound})
        for key, (request_digest, bound) in requests.items()
    }


def _submitted(tx: Connection, external_id: str) -> dict[int, set[str]]:
    """Digests of the bytes that were sent, or may have been, by number of the body."""
    query = select(attempt.c.body, attempt.c.request_digest).where(
        attempt.c.external_id == external_id, may_have_reached(attempt)
    )
    sent: dict[int, set[str]] = {}
    for row in tx.execute(query):
        sent.setdefault(row.body, set()).add(row.request_digest)
    return sent
