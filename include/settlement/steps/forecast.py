"""What clearing submit_requests would do: the first thing that each request of a date would see.

`steps.submit` decides by the same rules (`steps.may_send`) and by the same facts, so a forecast
holds until the ledger changes. What comes after a first exchange depends on the partner's answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from settlement.config.partner_file import PartnerFile
from settlement.errors import ApprovalMissingError, DateClosedError, SettlementError
from settlement.ledger.attempts import Silence, newest_silence
from settlement.ledger.database import clock
from settlement.ledger.people.approvals import missing_approval
from settlement.ledger.people.closings import Closing, closed, closing_of
from settlement.ledger.people.holds import held_connections
from settlement.ledger.people.stop import Stop, stop_of
from settlement.ledger.schema import body, slot
from settlement.ledger.snapshots import load_positions_of_snapshots
from settlement.slot.state import Slot, State
from settlement.steps.may_send import (
    NOT_SHOWN,
    SendFacts,
    is_sent_for_another,
    is_to_be_sent,
    must_be_looked_up,
    require_may_be_asked_about,
    require_may_send,
)
from settlement.steps.outcome import error_of
from settlement.steps.submit import SILENCE
from settlement.values import Positions


class Does(StrEnum):
    """What a clear does with a request first."""

    SENDS_AGAIN = "sends the same bytes again"
    SENDS_FIRST = "sends it for the first time"
    LOOKS_UP = "looks up first"
    RECONCILES = "is looked up by reconcile_conflicts"
    NOTHING = "nothing to do"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a clear would do first for a request.

    `about`: the request that it does it with, which may be a lower one that has to be proved first.
    """

    external_id: str
    does: Does
    about: str
    why: str

    @property
    def in_words(self) -> str:
        """One sentence, without a full stop."""
        if self.does is Does.BLOCKED:
            return f"blocked because {self.why}"
        if self.about == self.external_id:
            return f"{self.does.value}: {self.why}" if self.why else self.does.value
        first = "looks up" if self.does is Does.LOOKS_UP else "sends"
        return f"{first} {self.about} first: until the partner shows it, nothing higher is sent"


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the ledger holds about a slot beside its lines."""

    n: int | None
    first_sent_at: datetime | None
    snapshot_id: int | None
    has_payload: bool
    has_request: bool


@dataclass(frozen=True, slots=True)
class Around:
    """What matters for every request of a date: the time, the stop flag, a closing, holds."""

    now: datetime
    stop: Stop | None
    closing: Closing | None
    held: AbstractSet[str]


def load_around(tx: Connection, partner: PartnerFile, business_date: date) -> Around:
    """What matters for every request of a date, as of this transaction."""
    return Around(
        now=clock(tx),
        stop=stop_of(tx, partner.name),
        closing=closing_of(tx, partner.name, business_date),
        held=held_connections(tx, partner.name),
    )


@dataclass(frozen=True, slots=True)
class _Date:
    """What decides about the requests of one date, read at once."""

    partner: PartnerFile
    around: Around
    slots: Sequence[Slot]
    sent: Mapping[str, _Sent]
    closed: DateClosedError | None
    nets: Mapping[int, Positions]
    unapproved: Mapping[str, ApprovalMissingError]
    silence: Silence | None


def forecasts_of_date(
    tx: Connection,
    partner: PartnerFile,
    business_date: date,
    slots: Sequence[Slot],
    around: Around,
) -> dict[str, Forecast]:
    """What clearing submit_requests would do with each request of the date, by externalId.

    Nothing is written. What only a worker knows (the account behind the Airflow connection) is
    left out: an edit of that is a conflict with the binding, and sends nothing.

    :param slots: all of the date, in order, as of this transaction
    """
    if not slots:
        return {}
    sent = _sent(tx, [each.external_id for each in slots])
    first = [each.external_id for each in slots if each.never_sent]
    built_from = {sent[each].snapshot_id for each in first}
    closing = around.closing
    facts = _Date(
        partner=partner,
        around=around,
        slots=slots,
        sent=sent,
        closed=closed(partner.name, business_date, closing) if closing else None,
        nets=load_positions_of_snapshots(tx, [each for each in built_from if each is not None]),
        unapproved=_unapproved(tx, partner, business_date, first),
        silence=newest_silence(tx, partner.name, SILENCE),
    )
    return {each.external_id: _forecast(facts, each) for each in facts.slots}


def _forecast(facts: _Date, of: Slot) -> Forecast:
    sent = facts.sent[of.external_id]
    if must_be_looked_up(facts.partner, of, sent.first_sent_at, facts.around.now):
        return _own(of, Does.LOOKS_UP, "it was first sent too long ago to be sent again unseen")
    if not is_to_be_sent(facts.partner, of):
        return _not_sent(of)
    if of.never_sent:
        lower = _first_not_shown(facts, of)
        if lower is not None:
            return _for_lower(facts, of, lower)
    try:
        require_may_send(_send_facts(facts, of))
    except SettlementError as error:
        return _blocked(of, error)
    if of.never_sent:
        return _own(of, Does.SENDS_FIRST, "")
    return _own(of, Does.SENDS_AGAIN, "so it is booked at most once")


def _not_sent(of: Slot) -> Forecast:
    if of.in_conflict:
        return _own(of, Does.RECONCILES, "the partner answered 409 last")
    error = error_of(of, None)
    if error is not None:
        return _blocked(of, error)
    if of.state is State.PENDING:
        return _own(of, Does.NOTHING, "it is pending, and await_settlement looks it up")
    return _own(of, Does.NOTHING, f"it is {of.state.value}")


def _for_lower(facts: _Date, of: Slot, lower: Slot) -> Forecast:
    try:
        require_may_be_asked_about(lower, facts.silence)
    except SettlementError as error:
        return _blocked(of, error.told_of(of.external_id))
    if is_sent_for_another(lower):
        first = _forecast(facts, lower)
        if first.does is Does.BLOCKED:
            return _own(of, Does.BLOCKED, f"it waits: {first.why}")
        return replace(first, external_id=of.external_id)
    return Forecast(of.external_id, Does.LOOKS_UP, lower.external_id, "")


def _own(of: Slot, does: Does, why: str) -> Forecast:
    return Forecast(of.external_id, does, of.external_id, why)


def _blocked(of: Slot, error: SettlementError) -> Forecast:
    to_do = f" Next step: {error.to_do}" if error.to_do else ""
    return _own(of, Does.BLOCKED, f"{error.message.rstrip('.')}.{to_do}".rstrip("."))


def _first_not_shown(facts: _Date, of: Slot) -> Slot | None:
    """The lowest slot below under which the partner has shown nothing."""
    n = facts.sent[of.external_id].n
    if n is None:
        return None
    for each in facts.slots:
        lower = facts.sent[each.external_id].n
        if lower is not None and lower < n and each.state in NOT_SHOWN:
            return each
    return None


def _send_facts(facts: _Date, of: Slot) -> SendFacts:
    sent = facts.sent[of.external_id]
    net = None
    if of.never_sent and sent.snapshot_id is not None:
        net = facts.nets.get(sent.snapshot_id, {})
    return SendFacts(
        partner=facts.partner.name,
        slot=of,
        has_payload=sent.has_payload,
        has_request=sent.has_request,
        stop=facts.around.stop,
        closed=facts.closed,
        held=facts.around.held,
        net=net,
        others=[each for each in facts.slots if each is not of],
        unapproved=facts.unapproved.get(of.external_id),
    )


def _sent(tx: Connection, external_ids: Sequence[str]) -> dict[str, _Sent]:
    current = (body.c.external_id == slot.c.external_id) & (body.c.number == slot.c.current_body)
    query = (
        select(
            slot.c.external_id,
            slot.c.n,
            slot.c.first_sent_at,
            body.c.snapshot_id,
            body.c.payload.is_not(None).label("has_payload"),
            body.c.request.is_not(None).label("has_request"),
        )
        .outerjoin(body, current)
        .where(slot.c.external_id.in_(external_ids))
    )
    return {
        external_id: _Sent(*rest)
        for external_id, *rest in (tuple(row) for row in tx.execute(query))
    }


def _unapproved(
    tx: Connection, partner: PartnerFile, business_date: date, first: Sequence[str]
) -> dict[str, ApprovalMissingError]:
    error = missing_approval(tx, partner, business_date, first)
    return {} if error is None else dict.fromkeys(error.external_ids, error)
