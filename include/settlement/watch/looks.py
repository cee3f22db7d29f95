"""The one list of looks. To add one: what it reads, what it finds in that, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from settlement.errors import LedgerUnavailableError, SettlementError
from settlement.watch.binding import binding_conflict, read_binding_conflict
from settlement.watch.chain import broken_chain, read_broken_invariant
from settlement.watch.change_findings import changes
from settlement.watch.changes import read_changes
from settlement.watch.dates import read_dates, unsettled_dates
from settlement.watch.decisions import (
    old_holds,
    read_holds,
    read_questions,
    read_stop,
    stopped,
    unanswered,
)
from settlement.watch.eyes import Eyes
from settlement.watch.finding import Finding, Kind
from settlement.watch.marked_by_hand import marked_by_hand, read_unproved_successes
from settlement.watch.order import worst_first
from settlement.watch.partner_changes import partner_changes, read_partner_changes
from settlement.watch.partner_list import differences, read_partner_list
from settlement.watch.pool import no_pool, read_pool
from settlement.watch.slots import open_too_long, read_open_slots
from settlement.watch.strays import read_strays, strays
from settlement.watch.windows import read_running_windows, running_windows

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Look(Generic[Facts]):
    """One look: `read` fetches facts, `find` is pure. A `daily` one is too dear for every hour."""

    at: str
    read: Callable[[Eyes], Facts]
    find: Callable[[Eyes, Facts], Iterable[Finding]]
    daily: bool = False


LOOKS: tuple[Look[Any], ...] = (
    Look("the business dates", read_dates, unsettled_dates),
    Look("the pool", read_pool, no_pool),
    Look("open requests", read_open_slots, open_too_long),
    Look("disputes and balances", read_running_windows, running_windows),
    Look("settled dates in the warehouse", read_changes, changes),
    Look("trades that no date covers", read_strays, strays),
    Look("the partner's list", read_partner_list, differences),
    Look("what the partner sends", read_partner_changes, partner_changes),
    Look("Airflow's runs", read_unproved_successes, marked_by_hand),
    Look("questions", read_questions, unanswered),
    Look("the stop flag", read_stop, stopped),
    Look("holds", read_holds, old_holds),
    Look("decimals of currencies", read_binding_conflict, binding_conflict),
    Look("the chain of events", read_broken_invariant, broken_chain, daily=True),
)


def look_at(eyes: Eyes) -> list[Finding]:
    """Findings of all looks, the worst and newest first.

    A look that cannot be made is a finding, and the others go on.

    :raises LedgerUnavailableError: without the ledger there is nothing to compare with
    """
    findings: list[Finding] = []
    for look in LOOKS:
        if look.daily and not eyes.thorough:
            continue
        try:
            findings += look.find(eyes, look.read(eyes))
        except LedgerUnavailableError:
            raise
        except SettlementError as error:
            findings.append(not_looked(eyes.partner.name, look.at, error))
    return worst_first(findings)


def not_looked(partner: str, at: str, error: SettlementError) -> Finding:
    """A look that could not be made."""
    text = f"{at} could not be looked at: {error.message} (section {error.runbook} of settle_*)"
    return Finding(Kind.NOT_LOOKED, partner, text, may_pass=error.retryable)
