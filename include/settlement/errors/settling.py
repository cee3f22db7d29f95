"""What keeps a date from being settled: the ledger, limits, people, another run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy
from datetime import date, datetime
from typing import Self

from settlement.errors.base import CLEAR_COMPUTE, SettlementError


class LedgerUnavailableError(SettlementError):
    """The ledger's database cannot be reached, drops the connection or keeps a lock too long."""

    runbook = "ledger-unavailable"
    next_step = "bring the ledger's database back, then clear this task"
    retryable = True


class ChainBrokenError(SettlementError):
    """The event chain, or an invariant that can be read from the tables, does not hold."""

    runbook = "chain-broken"
    next_step = "stop the partner (`settlement stop`), keep a copy of the database, escalate"


class StoppedError(SettlementError):
    """The partner's stop flag is up: nothing is sent."""

    runbook = "stopped"

    def __init__(self, partner: str, *, who: str, since: datetime, reason: str) -> None:
        super().__init__(
            f"partner {partner} is stopped by {who} since {since.isoformat()} ({reason}): nothing "
            "is sent.",
            to_do=f"when the reason is gone, `settlement go {partner}`; then clear this task",
            partner=partner,
        )
        self.who = who
        self.since = since
        self.reason = reason


class DateClosedError(SettlementError):
    """A person has closed the business date: nothing is read or sent for it."""

    runbook = "date-closed"
    next_step = "if it is to be settled after all, reopen it, then clear this task"


class HeldConnectionError(SettlementError):
    """A request contains connections that are on hold: it is not sent."""

    runbook = "held-connection"
    next_step = f"{CLEAR_COMPUTE}: the request is built again without it"

    def __init__(self, external_id: str, *, held: Collection[str]) -> None:
        super().__init__(
            f"{external_id} contains {', '.join(sorted(held))}, on hold: it is not sent. Clear "
            "compute_net_positions to build it without them, or end the hold with "
            "`settlement hold <connection> --end`",
            external_id=external_id,
            connection_ids=sorted(held),
        )


class NotNettingError(SettlementError):
    """A broker's amounts do not net to zero per currency, or do not fit into one request."""

    runbook = "not-netting"
    next_step = f"have the trades corrected or end the hold, then {CLEAR_COMPUTE}"


class LimitExceededError(SettlementError):
    """More would move, for a date or within a day, than the partner file's limits allow.

    `passed` says which limits, each with what would move, a line each.
    """

    runbook = "limit-exceeded"
    before_next_step = "\n"

    def __init__(self, partner: str, business_date: date, *, passed: Sequence[str]) -> None:
        super().__init__(
            f"{partner} {business_date}: nothing is built: more would move than {partner}.toml "
            f"allows:{_listed(passed)}",
            to_do=f"look at the amounts with `settlement preview {partner} {business_date}`. "
            "Nobody can approve more: only whoever owns the partner file may raise a limit. Then "
            f"{CLEAR_COMPUTE}",
            partner=partner,
            business_date=business_date,
        )
        self.passed = passed


class ShortOfFundsError(SettlementError):
    """An account holds less than the requests would take, and the partner file refuses that."""

    runbook = "short-of-funds"
    next_step = "have the accounts funded, then clear build_requests with its downstream tasks"


class ApprovalMissingError(SettlementError):
    """The date's requests are above the approval limits and no person has approved them."""

    runbook = "approval-missing"
    next_step = "have somebody else answer the question, then run the date again"


class DecisionError(SettlementError):
    """An answer does not fit: the facts have changed, it is answered, or this person may not."""

    runbook = "decision"
    next_step = "look at the open questions with `settlement decide` and answer the newest"


class SupersededError(SettlementError):
    """A newer run has computed this date, or rebuilt this slot, since."""

    runbook = "superseded"
    next_step = f"let the newer run finish; if there is none, {CLEAR_COMPUTE}"
    retryable = True


class NotSettledError(SettlementError):
    """Nothing proves that the business date is settled; `left` says what is left, or is missing."""

    runbook = "not-settled"
    next_step = "do what the named runbook sections say, then clear the red tasks with downstream"
    left: tuple[str, ...] = ()

    @classmethod
    def of_date(
        cls,
        partner: str,
        business_date: date,
        left: str | Sequence[str],
        *,
        to_do: str | None = None,
    ) -> Self:
        """The error for a date.

        :param left: what is left, a line each; or the one sentence that says it
        """
        said = f": {left}" if isinstance(left, str) else f" is not settled:{_listed(left)}"
        error = cls(
            f"{partner} {business_date}{said}",
            to_do=to_do,
            partner=partner,
            business_date=business_date,
        )
        error.left = (left,) if isinstance(left, str) else tuple(left)
        return error

    def with_also(self, left: str, *, to_do: str) -> Self:
        """The same with one more line, and what a person does then."""
        same = copy(self)
        same.what = f"{self.what}{_listed([left])}"
        same.left = (*self.left, left)
        same.to_do, same.says_to_do = to_do, True
        return same

    @property
    def in_one_line(self) -> str:
        """What is left, without the date that it is about."""
        return self.with_next_step("; ".join(self.left))


def _listed(lines: Sequence[str]) -> str:
    return "".join(f"\n- {each}" for each in lines)
