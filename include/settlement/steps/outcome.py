"""From the state of a slot after a submit to what on-call reads."""

from __future__ import annotations

from settlement.config.api_version import version_for
from settlement.errors import (
    CredentialsError,
    DivergedSlotError,
    OutcomeUnknownError,
    RefusedError,
    RejectedError,
    SettlementFailedError,
)
from settlement.slot.evidence import Answered, Verdict
from settlement.slot.state import Slot, State

DISPUTES_HINT = (
    "If the partner has disputes enabled, version 1 of the API refuses it: the partner file then "
    f'needs api_version = "{version_for(may_dispute=True)}". '
)


def raise_unless_done(slot: Slot, evidence: Answered | None, missing: str = "") -> None:
    """Return where the submit task has done its part: completed, pending, 409, or nothing to send.

    :param evidence: of the answer, or None if nothing was sent
    :param missing: who must fund what, if it failed and that is known
    :raises PartnerAnswerError: retryable or terminal, by the state of the slot
    :raises DivergedSlotError: if a person has to decide
    """
    said = (evidence.detail if evidence else None) or slot.reason or "no answer is stored"
    match slot.state:
        case State.COMPLETED | State.PENDING | State.WITHDRAWN:
            return
        case State.FAILED:
            raise SettlementFailedError(
                f"{slot.external_id}: the partner shows the settlement failed ({said}). Next "
                f"step: fund the account that it names{f' ({missing})' if missing else ''}, then "
                "clear this task: the same bytes complete it"
            )
        case State.REJECTED:
            raise RejectedError(
                f"{slot.external_id}: the partner rejected the settlement ({said}). Nothing is "
                "booked and this externalId is used up. Next step: find out why, then clear "
                "compute_net_positions with its downstream tasks; the next slot is used"
            )
        case State.REFUSED:
            raise RefusedError(_refused(slot, said))
        case State.DIVERGED:
            raise DivergedSlotError(
                f"{slot.external_id}: {slot.reason}. Next step: a person compares both sides and "
                "decides: `settlement decide` lists the question, `adopt` takes as booked what the "
                "partner shows, `leave` keeps the date red"
            )
        case _:
            _raise_for_open(slot, evidence, said)


def disputes_hint(said: str) -> str:
    """What a 403 may mean, besides the licence that the partner names."""
    return DISPUTES_HINT if "HTTP 403" in said else ""


def _refused(slot: Slot, said: str) -> str:
    hint = disputes_hint(said)
    return (
        f"{slot.external_id}: the partner refuses it and holds nothing under it ({said}). {hint}"
        "Next step: correct what it names, then clear compute_net_positions with its downstream "
        "tasks"
    )


def _raise_for_open(slot: Slot, evidence: Answered | None, said: str) -> None:
    verdict = slot.last_verdict
    if verdict is Verdict.CONFLICT:
        return
    if verdict is Verdict.UNAUTHORISED:
        raise CredentialsError(
            f"{slot.external_id}: the partner does not accept the request ({said}), and nothing "
            "proves yet that it booked none. Next step: check access token, membership and signing "
            "key, then clear this task"
        )
    retry_after = evidence.retry_after if evidence else None
    raise OutcomeUnknownError(
        f"{slot.external_id}: the outcome is unknown ({said}); the same bytes are sent again",
        retry_after,
    )
