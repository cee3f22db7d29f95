"""What an answer of the partner proves.

One table, in code here and in the docs; a test holds them together.
The body is looked at first, then the status: on v1 an incomplete settlement travels in a 401 or a
500 (partner API, sections 1 and 6), so a status alone never decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from settlement.partner.answers import canonical_uuid, partners_word, status_not_known
from settlement.partner.exchange import Answer, TransportError
from settlement.partner.words import one_line, retry_after_s, words_of
from settlement.values import Positions


class Verdict(StrEnum):
    """What one answer to a submit, or to a request for a signing payload, proves."""

    COMPLETED = "completed"
    COMPLETED_UNCONFIRMED = "completed_unconfirmed"
    PENDING = "pending"
    FAILED = "failed"
    REJECTED = "rejected"
    CONFLICT = "conflict"
    UNAUTHORISED = "unauthorised"
    REFUSAL = "refusal"
    UNKNOWN = "unknown"


VERDICTS = {
    "completed": Verdict.COMPLETED,
    "pending": Verdict.PENDING,
    "failed": Verdict.FAILED,
    "rejected": Verdict.REJECTED,
}
ERROR_STATUSES = {
    401: Verdict.UNAUTHORISED,
    400: Verdict.REFUSAL,
    403: Verdict.REFUSAL,
    404: Verdict.REFUSAL,
    413: Verdict.REFUSAL,
    422: Verdict.REFUSAL,
    409: Verdict.CONFLICT,
}
MEANT_WHOEVER_SAYS_SO = {409, 413}
"""Believed without an error object too: a proxy limits sizes, and a 409 is looked up anyway."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The attempt row of a submit is written: from now on the outcome of that body is unknown."""

    body_number: int


@dataclass(frozen=True, slots=True)
class ShownTransfer:
    """One movement as the partner shows it, in signed base units; positive: the client receives.

    `source_connection_id`: the client on the other side, for a broker; None: the partner itself.
    `dispute_closure_id`: it adjusts an earlier settlement, after a dispute was closed.
    """

    id: str
    connection_id: str
    source_connection_id: str | None
    currency: str
    amount: int
    status: str
    dispute_closure_id: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, or its absence, to the submit of a body, or to the request for its payload.

    `status` is that of HTTP, None without an answer; `retry_after` is in seconds; `detail` says in
    short what was answered, in the partner's words where it has any, or why nothing was.
    `to_payload`: it answers the mere request for a signing payload, so nothing of the body was
    sent.
    """

    body_number: int
    verdict: Verdict
    settlement_id: str | None = None
    detail: str = ""
    status: int | None = None
    retry_after: int | None = None
    to_payload: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A look-up, or a listing, found a settlement under our externalId.

    `positions` sum its own transfers: those as instructed, disputed ones too.
    `transfers_completed`: each of them has run, or is disputed. `transfers` are all that the
    partner shows, adjustments from disputes of earlier settlements among them; kept for partners
    with disputes.
    """

    settlement_id: str
    status: str
    positions: Positions
    transfers_completed: bool
    reason: str | None = None
    notes: str | None = None
    cutoff_at: datetime | None = None
    transfers: tuple[ShownTransfer, ...] = ()

    @property
    def currencies(self) -> frozenset[str]:
        """Of its own transfers."""
        return frozenset(key.currency for key in self.positions)


@dataclass(frozen=True, slots=True)
class Absent:
    """A look-up worked and found nothing under our externalId."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """An attempt to send a body ended before its first byte could leave, in words `detail`.

    `only_attempt`: no other attempt of this body may have left.
    """

    body_number: int
    only_attempt: bool
    detail: str


Evidence = Sent | NotSent | Answered | Shown | Absent


def classify(
    outcome: Answer | TransportError,
    *,
    external_id: str,
    body_number: int,
    settlement_id: str | None,
    now: datetime,
) -> Answered:
    """What the outcome of sending body `body_number` of slot `external_id` proves. Never raises.

    :param settlement_id: the partner's id of this slot's settlement, where it is known already
    :param now: to turn an HTTP date in Retry-After into seconds
    """
    if isinstance(outcome, TransportError):
        return Answered(body_number, Verdict.UNKNOWN, detail=one_line(str(outcome)))
    retry_after = retry_after_s(outcome.headers, now)
    content = partners_word(outcome.content)
    if content is not None and "settlement" in content:
        answered = _classify_settlement(
            outcome.status, content["settlement"], external_id, body_number, settlement_id
        )
        return replace(answered, status=outcome.status)
    verdict = ERROR_STATUSES.get(outcome.status, Verdict.UNKNOWN)
    if content is None and outcome.status not in MEANT_WHOEVER_SAYS_SO:
        verdict = Verdict.UNKNOWN  # a proxy's page, not the partner's word
    detail = f"HTTP {outcome.status}: {words_of(outcome)}"
    return Answered(
        body_number, verdict, detail=detail, status=outcome.status, retry_after=retry_after
    )


def classify_payload_answer(
    outcome: Answer | TransportError, *, external_id: str, body_number: int, now: datetime
) -> Answered:
    """What an answer without a signing payload proves. Never raises.

    A settlement under the externalId of a body that was never sent cannot be that body's: like a
    409 it has to be looked up and compared.
    """
    answered = classify(
        outcome, external_id=external_id, body_number=body_number, settlement_id=None, now=now
    )
    shows_one = answered.settlement_id is not None
    verdict = Verdict.CONFLICT if shows_one else answered.verdict
    return replace(answered, verdict=verdict, settlement_id=None, to_payload=True)


def _classify_settlement(
    status: int, settlement: object, external_id: str, body_number: int, settlement_id: str | None
) -> Answered:
    if not isinstance(settlement, dict):
        return Answered(
            body_number, Verdict.UNKNOWN, detail=f"HTTP {status}: settlement is not an object"
        )
    shown_id = _id_of(settlement)
    if settlement.get("externalId") != external_id or shown_id is None:
        detail = f"HTTP {status}: the answer shows another settlement than {external_id}"
        return Answered(body_number, Verdict.UNKNOWN, detail=detail)
    if settlement_id is not None and shown_id != settlement_id:
        detail = f"HTTP {status}: the answer shows id {shown_id}, not {settlement_id}"
        return Answered(body_number, Verdict.UNKNOWN, detail=detail)
    shown_status = settlement.get("status")
    if not isinstance(shown_status, str) or not shown_status:
        detail = f"HTTP {status}: the status of the settlement is not a text"
        return Answered(body_number, Verdict.UNKNOWN, detail=detail)
    if shown_status not in VERDICTS:
        detail = f"HTTP {status}: {status_not_known('settlement', shown_status)}"
        return Answered(body_number, Verdict.PENDING, settlement_id=shown_id, detail=detail)
    verdict = VERDICTS[shown_status]
    if verdict is Verdict.COMPLETED and status != HTTPStatus.OK:
        verdict = Verdict.COMPLETED_UNCONFIRMED
    reason = settlement.get("reason")
    detail = f"HTTP {status}: settlement {shown_status}"
    if isinstance(reason, str) and reason:
        detail += f", reason: {one_line(reason)}"
    return Answered(body_number, verdict, settlement_id=shown_id, detail=detail)


def _id_of(settlement: dict[str, object]) -> str | None:
    try:
        return canonical_uuid(str(settlement.get("id")))
    except ValueError:
        return None
