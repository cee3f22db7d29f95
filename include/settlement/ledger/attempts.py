"""Attempts: one row per HTTP exchange, written before the socket is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from settlement.ledger.database import NOW, Ledger
from settlement.ledger.schema import attempt
from settlement.partner_api import Answer, TransportError
from settlement.values import Actor

_START = attempt.insert().values(started_at=NOW).returning(attempt.c.id)
_FINISH = (
    attempt.update()
    .where(attempt.c.id == bindparam("attempt_id"))
    .values(
        finished_at=NOW,
        status=bindparam("status"),
        answer=bindparam("answer"),
        error=bindparam("error"),
    )
    .returning(attempt.c.finished_at)
)
_NEWEST_ENDED = (
    select(attempt.c.finished_at, attempt.c.status, attempt.c.error, NOW.label("now"))
    .where(attempt.c.partner == bindparam("of_partner"), attempt.c.finished_at.is_not(None))
    .order_by(attempt.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One exchange: `kind` is payload, submit, look-up, listing or connections."""

    id: int
    kind: str
    external_id: str | None
    body: int | None
    started_at: datetime
    finished_at: datetime | None
    status: int | None
    answer: bytes | None
    error: str | None
    who: str
    run_id: str | None
    task_id: str | None
    try_number: int | None


def start_attempt(
    tx: Connection,
    partner: str,
    kind: str,
    actor: Actor,
    *,
    external_id: str | None = None,
    body: int | None = None,
    request: bytes | None = None,
) -> int:
    """Write the attempt's row; its id."""
    values = {
        "partner": partner,
        "kind": kind,
        "external_id": external_id,
        "body": body,
        "request_digest": hashlib.sha256(request or b"").hexdigest(),
        "who": actor.who,
        "run_id": actor.run_id,
        "task_id": actor.task_id,
        "try_number": actor.try_number,
    }
    inserted: int = tx.execute(_START, values).scalar_one()
    return inserted


def finish_attempt(tx: Connection, attempt_id: int, outcome: Answer | TransportError) -> datetime:
    """Complete the attempt's row with the answer, or with why there is none; the time of that."""
    values: dict[str, object] = {"attempt_id": attempt_id}
    if isinstance(outcome, Answer):
        values |= {"status": outcome.status, "answer": outcome.body, "error": None}
    else:
        values |= {"status": None, "answer": None, "error": str(outcome)}
    finished_at: datetime = tx.execute(_FINISH, values).scalar_one()
    return finished_at


def recorded_exchange(
    ledger: Ledger,
    partner: str,
    kind: str,
    actor: Actor,
    send: Callable[[], Answer],
    *,
    external_id: str | None = None,
) -> Answer:
    """One read of the partner API with its attempt row written before and completed after.

    :raises TransportError: as `send` does, once it is recorded
    """
    with ledger.transaction() as tx:
        attempt_id = start_attempt(tx, partner, kind, actor, external_id=external_id)
    try:
        answer = send()
    except TransportError as error:
        with ledger.transaction() as tx:
            finish_attempt(tx, attempt_id, error)
        raise
    with ledger.transaction() as tx:
        finish_attempt(tx, attempt_id, answer)
    return answer


@dataclass(frozen=True, slots=True)
class Silence:
    """An exchange without an answer: when it ended, and why."""

    at: datetime
    error: str


def newest_silence(tx: Connection, partner: str, within: timedelta) -> Silence | None:
    """The partner's newest exchange that ended, if it ended without an answer not long ago."""
    named = {"of_partner": partner}
    newest = tx.execute(_NEWEST_ENDED, named).one_or_none()
    if newest is None or newest.status is not None or newest.now - newest.finished_at >= within:
        return None
    return Silence(newest.finished_at, newest.error)


def attempts_of(tx: Connection, external_id: str) -> list[Attempt]:
    """All attempts of a slot, oldest first."""
    rows = tx.execute(
        select(attempt).where(attempt.c.external_id == external_id).order_by(attempt.c.id)
    )
    fields = Attempt.__dataclass_fields__
    return [Attempt(**{name: row[name] for name in fields}) for row in rows.mappings()]
