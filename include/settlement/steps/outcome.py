"""From the state of a slot after a submit to what on-call reads."""

from __future__ import annotations

from http import HTTPStatus

from settlement.config.api_version import version_for
from settlement.errors import (
    AnswerFacts,
    CredentialsError,
    DivergedSlotError,
    OutcomeUnknownError,
    RefusedError,
    RejectedError,
    SettlementError,
    SettlementFailedError,
)
from settlement.ledger.attempts import statuses_of
from settlement.slot.evidence import ERROR_STATUSES, Answered, Verdict
from settlement.slot.state import Slot, State
from settlement.steps.desk import Desk

DISPUTES_HINT = (
    "If the partner has disputes enabled, version 1 of the API refuses it: the partner file then "
    f'needs api_version = "{version_for(may_dispute=True)}". '
)


def raise_unless_done(desk: Desk, slot: Slot, evidence: Answered | None, missing: str = "") -> None:
    """Return where the submit task has done its part: completed, pending, 409, or nothing to send.

    :param evidence: of the answer, or None if nothing was sent
    :param missing: who must fund what, if it failed and that is known
    :raises SettlementError: as `error_of` gives it
    """
    status = evidence.status if evidence else _status_behind(desk, slot)
    error = error_of(slot, status, evidence, missing)
    if error is not None:
        raise error


def error_of(
    slot: Slot, status: int | None, evidence: Answered | None = None, missing: str = ""
) -> SettlementError | None:
    """What on-call reads about a slot as it is: retryable or terminal, or for a person to decide.

    None where nothing more is to be done about it by a submit.

    :param status: HTTP status of the answer that its state comes from, if it is known
    """
    if slot.state in {State.COMPLETED, State.PENDING, State.WITHDRAWN}:
        return None
    said = (evidence.detail if evidence else None) or slot.reason or "no answer is stored"
    answer = AnswerFacts(status=status, verdict=slot.last_verdict)
    match slot.state:
        case State.FAILED:
            return SettlementFailedError(slot.external_id, said=said, missing=missing, **answer)
        case State.REJECTED:
            return RejectedError(slot.external_id, said=said, **answer)
        case State.REFUSED:
            return RefusedError(
                f"{slot.external_id}: the partner refuses it and holds nothing under it ({said}). "
                f"{disputes_hint(status)}".rstrip(),
                to_do="correct what it names, then clear compute_net_positions with its "
                "downstream tasks",
                external_id=slot.external_id,
                **answer,
            )
        case State.DIVERGED:
            return DivergedSlotError(
                f"{slot.external_id}: {slot.reason}.",
                to_do="a person compares both sides and decides: `settlement decide` lists the "
                "question, `adopt` takes as booked what the partner shows, `leave` keeps the date "
                "red",
                external_id=slot.external_id,
                **answer,
            )
    if slot.last_verdict is Verdict.CONFLICT:
        return None
    if slot.last_verdict is Verdict.UNAUTHORISED:
        return CredentialsError(
            f"{slot.external_id}: the partner does not accept the request ({said}), but nothing "
            "proves yet that it has booked nothing.",
            to_do="check access token, membership and signing key, then clear this task",
            external_id=slot.external_id,
            **answer,
        )
    return OutcomeUnknownError(
        f"{slot.external_id}: the outcome is unknown ({said}); the same bytes are sent again",
        evidence.retry_after if evidence else None,
        external_id=slot.external_id,
        **answer,
    )


def nothing_shown(slot: Slot) -> OutcomeUnknownError:
    """The error for a 409 under which a look-up finds nothing."""
    return OutcomeUnknownError(
        f"{slot.external_id}: the partner answered 409, but shows no settlement under it; it is "
        "looked up again",
        external_id=slot.external_id,
        verdict=slot.last_verdict,
    )


def disputes_hint(status: int | None) -> str:
    """What a 403 may mean, besides the licence that the partner names."""
    return DISPUTES_HINT if status == HTTPStatus.FORBIDDEN else ""


def _status_behind(desk: Desk, slot: Slot) -> int | None:
    """HTTP status of what the partner said last of a slot, if it was a no or a 409."""
    if slot.current_body is None or slot.last_verdict not in ERROR_STATUSES.values():
        return None
    with desk.ledger.transaction() as tx:
        statuses = statuses_of(tx, slot.external_id, slot.current_body)
    return next((each for each in statuses if ERROR_STATUSES.get(each) is slot.last_verdict), None)
