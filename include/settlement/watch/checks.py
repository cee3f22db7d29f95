"""The one list of checks. To add one: what it reads, what it finds in that, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from settlement.errors import LedgerUnavailableError, SettlementError
from settlement.watch.binding import binding_conflict, read_binding_conflict
from settlement.watch.chain import broken_chain, read_broken_invariant
from settlement.watch.change_findings import changes
from settlement.watch.changes import read_changes
from settlement.watch.context import WatchContext
from settlement.watch.dates import read_dates, unsettled_dates
from settlement.watch.decisions import (
    old_holds,
    read_holds,
    read_questions,
    read_stop,
    stopped,
    unanswered,
)
from settlement.watch.finding import Finding, Kind
from settlement.watch.marked_by_hand import marked_by_hand, read_unproved_successes
from settlement.watch.order import worst_first
from settlement.watch.partner_changes import partner_changes, read_partner_changes
from settlement.watch.partner_list import differences, read_partner_list
from settlement.watch.pool import no_pool, read_pool
from settlement.watch.slots import open_too_long, read_open_slots
from settlement.watch.strays import read_strays, strays
from settlement.watch.windows import disputed_or_short, read_pending_requests

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
    Check("settled dates in the warehouse", read_changes, changes),
    Check("trades that no date covers", read_strays, strays),
    Check("the partner's list", read_partner_list, differences),
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
