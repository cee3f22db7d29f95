"""The refusals of a date as events, attempts and bodies tell them; and the runs that they start."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable
from datetime import date, datetime
from http import HTTPStatus

from sqlalchemy import Connection, select, tuple_

from settlement.ledger.chain import Event, append_event, read_events
from settlement.ledger.schema import attempt, line, snapshot
from settlement.request.narrowing import Refusal
from settlement.slot.state import State
from settlement.values import Actor, PartnerName

ABOUT_CLIENTS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""A no that may be about a client of the request; 401 and 403 are about the whole partner."""

_NARROWING = "narrowing"
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_Body = tuple[str, int]


def load_refusals(tx: Connection, partner: PartnerName, business_date: date) -> list[Refusal]:
    """The refusals of a date that may be about a client, in order.

    Recent are those since the newest reading of the date's trades that was taken for anything else
    than to narrow a refusal down: before it, somebody may have had something corrected.
    """
    events = list(read_events(tx, partner, business_date=business_date))
    refused = [each for each in events if _is_refusal(each)]
    if not refused:
        return []
    bodies = [(str(each.external_id), int(each.details["body"])) for each in refused]
    clients = _clients_of(tx, bodies)
    answers = _answers_to(tx, bodies)
    began = _began(tx, partner, business_date, events)
    return [
        Refusal(
            clients=frozenset(clients[body]),
            named=frozenset(_named(answers[body]) & clients[body]),
            recent=began is None or each.at >= began,
        )
        for each, body in zip(refused, bodies, strict=True)
        if body in answers
    ]


def note_narrowing(
    tx: Connection, partner: PartnerName, business_date: date, run_id: str, actor: Actor
) -> None:
    """Write down that a run is started to narrow a refusal down; once for each run."""
    events = read_events(tx, partner, business_date=business_date)
    if run_id not in {each.details["starts_run"] for each in events if each.kind == _NARROWING}:
        append_event(tx, partner, _NARROWING, actor, business_date=business_date, starts_run=run_id)


def _is_refusal(each: Event) -> bool:
    refused = State.REFUSED.value
    return each.details.get("state") == refused and each.details.get("before") != refused


def _began(
    tx: Connection, partner: PartnerName, business_date: date, events: Iterable[Event]
) -> datetime | None:
    """When the newest reading was taken that does not follow a start of a run to narrow."""
    starts = deque(each.at for each in events if each.kind == _NARROWING)
    query = select(snapshot.c.taken_at).where(
        snapshot.c.partner == partner, snapshot.c.business_date == business_date
    )
    began: datetime | None = None
    for taken_at in tx.execute(query.order_by(snapshot.c.id)).scalars():
        narrows = False
        while starts and starts[0] < taken_at:
            narrows = bool(starts.popleft())
        if not narrows:
            began = taken_at
    return began


def _clients_of(tx: Connection, bodies: Iterable[_Body]) -> dict[_Body, set[str]]:
    query = select(line.c.external_id, line.c.body, line.c.connection_id).where(
        tuple_(line.c.external_id, line.c.body).in_(list(bodies))
    )
    clients: defaultdict[_Body, set[str]] = defaultdict(set)
    for external_id, number, connection_id in tx.execute(query):
        clients[external_id, number].add(connection_id)
    return clients


def _answers_to(tx: Connection, bodies: Iterable[_Body]) -> dict[_Body, bytes]:
    """The newest answer to each body, if it is a no that may be about a client."""
    query = (
        select(attempt.c.external_id, attempt.c.body, attempt.c.status, attempt.c.answer)
        .where(tuple_(attempt.c.external_id, attempt.c.body).in_(list(bodies)))
        .where(attempt.c.status.is_not(None))
        .order_by(attempt.c.id)
    )
    newest = {(row.external_id, row.body): row for row in tx.execute(query)}
    return {
        body: bytes(row.answer or b"")
        for body, row in newest.items()
        if row.status in ABOUT_CLIENTS
    }


def _named(answer: bytes) -> set[str]:
    """Connection ids in the partner's words, in their canonical spelling."""
    return {found.decode("ascii").lower() for found in _UUID.findall(answer)}
