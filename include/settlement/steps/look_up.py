"""Looking a slot up at the partner and folding what it shows into the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from settlement.ledger.bound_currencies import bind_decimals
from settlement.ledger.folding import apply_evidence
from settlement.partner.answers import (
    PENDING,
    TRANSFER_STATUSES,
    Connection,
    Settlement,
    Transfer,
    status_not_known,
)
from settlement.partner.reads import PartnerReader
from settlement.partner.words import one_line
from settlement.slot.evidence import Absent, Shown, ShownTransfer, Verdict
from settlement.slot.state import ABSENCES_TO_REFUSE, Slot, State
from settlement.steps.desk import Desk
from settlement.values import Line, PositionKey, as_positions

UNKNOWN_ACCOUNT = "account:"
DONE = frozenset({"completed"})
CONCLUDED_BY_LOOK_UP = {
    Verdict.REFUSAL,
    Verdict.UNAUTHORISED,
    Verdict.COMPLETED_UNCONFIRMED,
}


def look_up(desk: Desk, external_id: str) -> Slot:
    """Ask the partner what it holds under an externalId; the slot after that evidence.

    :raises OutcomeUnknownError: if the look-up fails: nothing changes
    :raises CredentialsError: if the partner refuses to show anything: nothing changes
    :raises UntrustedHostError: if its certificate is not trusted: nothing changes
    """
    found = desk.reader.settlements_named(external_id)
    if not found:
        with desk.ledger.transaction() as tx:
            return apply_evidence(tx, external_id, Absent(), desk.actor, answer_digest=None)
    connections = connections_by_account(desk.reader.connections())
    shown = [shown_by(desk.reader, settlement, connections) for settlement in found]
    with desk.ledger.transaction() as tx:
        for each in shown:
            slot = apply_evidence(tx, external_id, each, desk.actor, answer_digest=_digest_of(each))
            bind_decimals(tx, desk.partner, each.currencies, desk.actor)
        return slot


def conclude_by_look_up(desk: Desk, slot: Slot, verdict: Verdict) -> Slot:
    """The slot after the look-ups that some answers need, to a submit or for a payload.

    :raises OutcomeUnknownError, CredentialsError: as `look_up` does
    """
    if verdict not in CONCLUDED_BY_LOOK_UP:
        return slot
    for _ in range(ABSENCES_TO_REFUSE.get(verdict, 1)):
        if slot.state in {State.PREPARED, State.UNKNOWN}:
            slot = look_up(desk, slot.external_id)
    return slot


def shown_by(
    reader: PartnerReader, settlement: Settlement, connections: Mapping[str, str]
) -> Shown:
    """What the partner shows of a settlement, its transfers summed per connection and currency.

    With disputes, a settlement ends though disputed transfers have not run, and carries adjustments
    of earlier ones beside its own (partner API, section 7): those are no part of what we asked for.
    """
    newest, transfers = reader.transfers_of(settlement)
    own = [each for each in transfers if each.dispute_closure_id is None]
    ended = DONE | {"disputed"} if reader.with_disputes else DONE
    not_known = _not_known(newest, own)
    reason = not_known or newest.reason
    return Shown(
        settlement_id=newest.id,
        status=PENDING if not_known else newest.status,
        positions=positions_of(own, connections),
        transfers_completed=all(each.status in ended for each in own),
        reason=one_line(reason) if reason else None,
        notes=newest.notes,
        cutoff_at=newest.cutoff_at if reader.with_disputes else None,
        transfers=_as_shown(transfers, connections) if reader.with_disputes else (),
    )


def _not_known(settlement: Settlement, own: Iterable[Transfer]) -> str | None:
    """A status, by name, for which the settlement can only count as pending.

    One that is completed may hold a transfer of which nobody here knows whether it has run.
    """
    if settlement.unknown_status is not None or settlement.status not in DONE:
        return settlement.unknown_status
    unknown = (each.status for each in own if each.status not in TRANSFER_STATUSES)
    first = next(unknown, None)
    return (
        None if first is None else status_not_known("settlement completed, but a transfer", first)
    )


def _as_shown(
    transfers: Iterable[Transfer], connections: Mapping[str, str]
) -> tuple[ShownTransfer, ...]:
    shown = (
        ShownTransfer(
            each.id,
            _connection(connections, each.destination_network_account_id),
            _connection(connections, each.source_network_account_id)
            if each.source_network_account_id
            else None,
            each.currency,
            each.quantity,
            each.status,
            each.dispute_closure_id,
        )
        for each in transfers
    )
    return tuple(sorted(shown, key=lambda each: each.id))


def _connection(connections: Mapping[str, str], account: str) -> str:
    """The connection of an account; one that belongs to none keeps a name that equals none."""
    return connections.get(account, UNKNOWN_ACCOUNT + account)


def connections_by_account(connections: Iterable[Connection]) -> dict[str, str]:
    """Connection id by network account id: transfers name accounts (partner API, section 8)."""
    return {each.network_account_id: each.id for each in connections}


def positions_of(
    transfers: Sequence[Transfer], connections: Mapping[str, str]
) -> dict[PositionKey, int]:
    """Signed base units per connection and currency; positive: the connection receives."""
    lines: list[Line] = []
    for each in transfers:
        destination = _connection(connections, each.destination_network_account_id)
        lines.append(Line(destination, each.currency, each.quantity))
        if each.source_network_account_id is not None:
            source = _connection(connections, each.source_network_account_id)
            lines.append(Line(source, each.currency, -each.quantity))
    return as_positions(lines)


def _digest_of(shown: Shown) -> str:
    lines = sorted((*key, str(amount)) for key, amount in shown.positions.items())
    content = [shown.settlement_id, shown.status, *map(str, lines)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()
