"""The one list of checks. To add one: what it reads, what it finds in that, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from settlement.errors import LedgerUnavailableError, SettlementError
from settlement.watch.airflow_runs import (
    marked_by_hand,
    no_pool,
    read_pool,
    read_unproved_successes,
)
from settlement.watch.change_findings import changed_dates
from settlement.watch.context import WatchContext
from settlement.watch.date_changes import read_changes
from settlement.watch.finding import Finding, Kind, worst_first
from settlement.watch.ledger import (
    binding_conflict,
    broken_chain,
    old_holds,
    read_binding_conflict,
    read_broken_invariant,
    read_holds,
    read_questions,
    read_stop,
    stopped,
    unanswered,
)
from settlement.watch.open_requests import (
    disputed_or_short,
    open_too_long,
    read_open_slots,
    read_pending_requests,
)
from settlement.watch.overdue import read_dates, unsettled_dates
from settlement.watch.partner_side import (
    partner_changes,
    read_partner_changes,
    read_partner_list,
    shown_otherwise,
)
from settlement.watch.uncovered import read_uncovered, uncovered_trades

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Check(Generic[Facts]):
    """One check: `read` fetches facts, `find` is pure. A `daily` one is too dear for every hour."""

    subject: str
    read: Callable[[WatchContext], Facts]
    find: Callable[[WatchContext, Facts], Iterable[Finding]]
    daily: bool = False


CHECKS: tuple[Check[Any], ...] = (
    Check("the business dates", read_dates, unsettled_dates),
    Check("the pool", read_pool, no_pool),
    Check("open requests", read_open_slots, open_too_long),
    Check("disputes and balances", read_pending_requests, disputed_or_short),
    Check("settled dates in the warehouse", read_changes, changed_dates),
    Check("trades that no date covers", read_uncovered, uncovered_trades),
    Check("the partner's list", read_partner_list, shown_otherwise),
    Check("what the partner sends", read_partner_changes, partner_changes),
    Check("Airflow's runs", read_unproved_successes, marked_by_hand),
    Check("questions", read_questions, unanswered),
    Check("the stop flag", read_stop, stopped),
    Check("holds", read_holds, old_holds),
    Check("decimals of currencies", read_binding_conflict, binding_conflict),
    Check("the chain of events", read_broken_invariant, broken_chain, daily=True),
)


def find_all(context: WatchContext) -> list[Finding]:
    """Findings of all checks, the worst and newest first.

    A check that cannot be made is a finding, and the others go on.

    :raises LedgerUnavailableError: without the ledger there is nothing to compare with
    """
    findings: list[Finding] = []
    for check in CHECKS:
        if check.daily and not context.thorough:
            continue
        try:
            findings += check.find(context, check.read(context))
        except LedgerUnavailableError:
            raise
        except SettlementError as error:
            findings.append(not_checked(context.partner.name, check.subject, error))
    return worst_first(findings)


def not_checked(partner: str, subject: str, error: SettlementError) -> Finding:
    """A check that could not be made."""
    text = f"{subject} could not be checked: {error.message} (section {error.runbook} of settle_*)"
    return Finding(Kind.NOT_CHECKED, partner, text, may_pass=error.retryable)
