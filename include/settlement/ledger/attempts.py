"""Attempts: one row per HTTP exchange of a run, written before the socket is opened.

An exchange for what a person does by hand has one too. The watch and the doctor only look: they may
not write to the ledger, nothing in it follows from what they read, and their exchanges have none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, FromClause, bindparam, select

from settlement.errors import UntrustedHostError
from settlement.ledger.database import NOW, Ledger
from settlement.ledger.partner_changes import record_partner_changes
from settlement.ledger.schema import attempt
from settlement.partner.exchange import (
    Answer,
    ExchangeKind,
    PartnerApi,
    Read,
    TransportError,
)
from settlement.values import Actor, PartnerName

KEPT_WHOLE = 1024 * 1024
KEPT_OF_MORE = 64 * 1024
"""Bytes of an answer that are stored: all, or of a longer one its beginning."""
_START = attempt.insert().values(started_at=NOW).returning(attempt.c.id)
_FINISH = (
    attempt.update()
    .where(attempt.c.id == bindparam("attempt_id"))
    .values(
        finished_at=NOW,
        status=bindparam("status"),
        answer=bindparam("answer"),
        error=bindparam("error"),
        never_sent=bindparam("never_sent"),
    )
    .returning(attempt.c.finished_at)
)
_NEWEST_ENDED = (
    select(
        attempt.c.finished_at,
        attempt.c.status,
        attempt.c.error,
        attempt.c.never_sent,
        NOW.label("now"),
    )
    .where(attempt.c.partner == bindparam("of_partner"), attempt.c.finished_at.is_not(None))
    .order_by(attempt.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One exchange: `kind` is the text of an `ExchangeKind`."""

    id: int
    kind: str
    external_id: str | None
    body_number: int | None
    started_at: datetime
    finished_at: datetime | None
    status: int | None
    answer: bytes | None
    error: str | None
    never_sent: bool
    who: str
    run_id: str | None
    task_id: str | None
    try_number: int | None


@dataclass(frozen=True, slots=True)
class About:
    """What an exchange is about: which slot and body, and the bytes that are sent, if any."""

    external_id: str | None = None
    body_number: int | None = None
    request: bytes = b""


def start_attempt(
    tx: Connection, partner: PartnerName, kind: ExchangeKind, actor: Actor, about: About
) -> int:
    """Write the attempt's row; its id."""
    values = {
        "partner": partner,
        "kind": kind.value,
        "external_id": about.external_id,
        "body": about.body_number,
        "request_digest": hashlib.sha256(about.request).hexdigest(),
        "who": actor.who,
        "run_id": actor.run_id,
        "task_id": actor.task_id,
        "try_number": actor.try_number,
    }
    inserted: int = tx.execute(_START, values).scalar_one()
    return inserted


def finish_attempt(
    tx: Connection, attempt_id: int, outcome: Answer | TransportError | UntrustedHostError
) -> datetime:
    """Complete the attempt's row with the answer, or with why there is none; the time of that."""
    values: dict[str, object] = {
        "attempt_id": attempt_id,
        "never_sent": isinstance(outcome, UntrustedHostError),
    }
    if isinstance(outcome, Answer):
        values |= {"status": outcome.status, **_kept(outcome.content)}
    else:
        said = outcome.message if isinstance(outcome, UntrustedHostError) else str(outcome)
        values |= {"status": None, "answer": None, "error": said}
    finished_at: datetime = tx.execute(_FINISH, values).scalar_one()
    return finished_at


def _kept(answer: bytes) -> dict[str, object]:
    """An answer as it is stored; of a huge one the first part, with the digest of all of it."""
    if len(answer) <= KEPT_WHOLE:
        return {"answer": answer, "error": None}
    digest = hashlib.sha256(answer).hexdigest()
    said = f"the answer has {len(answer)} bytes, sha256 {digest}; kept are the first {KEPT_OF_MORE}"
    return {"answer": answer[:KEPT_OF_MORE], "error": said}


def other_attempt_may_have_left(tx: Connection, attempt_id: int) -> bool:
    """Whether another attempt to send the same body may have reached the partner."""
    this, other = attempt.alias("this"), attempt.alias("other")
    may_have_left = (
        select(other.c.id)
        .join(this, (this.c.external_id == other.c.external_id) & (this.c.body == other.c.body))
        .where(this.c.id == attempt_id, other.c.id != attempt_id, may_have_reached(other))
        .limit(1)
    )
    return tx.execute(may_have_left).one_or_none() is not None


def may_have_reached(attempts: FromClause) -> ColumnElement[bool]:
    """Condition: the attempt is to send a body, and nothing proves that no byte has left."""
    columns = attempts.c
    return (columns.kind == ExchangeKind.SUBMIT.value) & ~columns.never_sent


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """Reads of the partner API, each with its attempt row written before and completed after."""

    ledger: Ledger
    api: PartnerApi
    partner: PartnerName
    actor: Actor

    def __call__(self, read: Read) -> Answer:
        """Ask, and return the answer, whatever its status.

        :raises TransportError, UntrustedHostError: as the exchange does, once it is recorded
        """
        about = About(read.external_id)
        with self.ledger.transaction() as tx:
            attempt_id = start_attempt(tx, self.partner, read.kind, self.actor, about)
        try:
            answer = self.api.exchange("GET", read.path, query=read.query)
        except (TransportError, UntrustedHostError) as error:
            with self.ledger.transaction() as tx:
                finish_attempt(tx, attempt_id, error)
            raise
        with self.ledger.transaction() as tx:
            finish_attempt(tx, attempt_id, answer)
        record_partner_changes(self.ledger, self.partner, read.kind, answer, self.actor)
        return answer


@dataclass(frozen=True, slots=True)
class Silence:
    """An exchange without an answer: when it ended, and why."""

    at: datetime
    error: str


def newest_silence(tx: Connection, partner: PartnerName, within: timedelta) -> Silence | None:
    """The partner's newest exchange that ended, if it ended without an answer not long ago."""
    named = {"of_partner": partner}
    newest = tx.execute(_NEWEST_ENDED, named).one_or_none()
    if newest is None or newest.status is not None or newest.never_sent:
        return None
    if newest.now - newest.finished_at >= within:
        return None
    return Silence(newest.finished_at, newest.error)


def statuses_of(tx: Connection, external_id: str, body: int) -> list[int]:
    """HTTP status of each answer about a body, to its payload's request too, newest first."""
    query = select(attempt.c.status).where(
        attempt.c.external_id == external_id,
        attempt.c.body == body,
        attempt.c.status.is_not(None),
    )
    return list(tx.execute(query.order_by(attempt.c.id.desc())).scalars())


def attempts_of(tx: Connection, external_id: str) -> list[Attempt]:
    """All attempts of a slot, oldest first."""
    query = select(attempt, attempt.c.body.label("body_number"))
    rows = tx.execute(query.where(attempt.c.external_id == external_id).order_by(attempt.c.id))
    fields = Attempt.__dataclass_fields__
    return [Attempt(**{name: row[name] for name in fields}) for row in rows.mappings()]
