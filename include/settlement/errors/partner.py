"""What the partner answers or shows."""

from __future__ import annotations

from typing import Unpack

from settlement.errors.base import CLEAR_COMPUTE, AnswerFacts, Facts, SettlementError


class ForeignSettlementError(SettlementError):
    """The partner shows a settlement that the ledger cannot place."""

    runbook = "foreign-settlement"
    next_step = "find out who made it, then `settlement record` or `settlement ignore`"


class DivergedSlotError(SettlementError):
    """The partner shows something that is none of the slot's bodies, or contradicts itself."""

    runbook = "diverged"
    next_step = "ask BitGo where it came from, then answer the question under Required Actions"


class PayloadMismatchError(SettlementError):
    """The signing payload returned by the partner is not exactly what was asked for."""

    runbook = "payload-mismatch"
    next_step = "compare the two in `settlement explain`, and escalate at once"

    def __init__(self, external_id: str, *, differs: str) -> None:
        super().__init__(
            f"signing payload of {external_id}: {differs}. Nothing was signed; re-run the task, "
            "and if the payload stays the same, ask the partner before anything else",
            external_id=external_id,
        )
        self.differs = differs


class PartnerAnswerError(SettlementError):
    """Base of the errors raised for what the partner answered."""

    runbook = "partner-answer"
    next_step = "do as the partner's answer says, then clear this task with its downstream tasks"


class CredentialsError(PartnerAnswerError):
    """The partner refuses the token: for a read, or by a 401 to a request that is still open."""

    runbook = "credentials"
    next_step = "check token, scopes and address range, then clear this task"


class RefusedError(PartnerAnswerError):
    """The partner said no, and a look-up finds nothing under the externalId."""

    runbook = "refused"
    next_step = f"correct what the partner names, then {CLEAR_COMPUTE}"


class RejectedError(PartnerAnswerError):
    """The partner shows the settlement rejected: nothing booked, the slot is used up."""

    runbook = "rejected"

    def __init__(self, external_id: str, *, said: str, **answer: Unpack[AnswerFacts]) -> None:
        super().__init__(
            f"{external_id}: the partner rejected the settlement ({said}). Nothing is booked and "
            "this externalId is used up.",
            to_do=f"find out why, then {CLEAR_COMPUTE}; the next slot is used",
            external_id=external_id,
            **answer,
        )
        self.said = said


class SettlementFailedError(PartnerAnswerError):
    """The partner shows the settlement failed; the same bytes complete it after funding.

    `missing`: who must fund what, where that is known.
    """

    runbook = "failed"
    retryable = True

    def __init__(
        self, external_id: str, *, said: str, missing: str = "", **answer: Unpack[AnswerFacts]
    ) -> None:
        super().__init__(
            f"{external_id}: the partner shows the settlement failed ({said}).",
            to_do=f"fund the account that it names{f' ({missing})' if missing else ''}, then clear "
            "this task: the same bytes complete it",
            external_id=external_id,
            **answer,
        )
        self.said = said
        self.missing = missing


class OutcomeUnknownError(PartnerAnswerError):
    """Nothing is proved yet; the same is asked or sent again. `retry_after` is in seconds."""

    runbook = "unknown"
    next_step = "clear this task with its downstream tasks: the same bytes are sent, never others"
    retryable = True

    def __init__(
        self,
        what: str,
        retry_after: int | None = None,
        *,
        to_do: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(what, to_do=to_do, **facts)
        self.retry_after = retry_after
