"""Balances of a partner's own account and of what its clients allocated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Protocol, TypeAlias

from partner_sandbox.store import Store
from partner_sandbox.world import Partner

Changes: TypeAlias = Mapping[tuple[str, str], int]
"""Signed base units per account and currency."""


class Movement(Protocol):
    """An amount that goes from source to destination; no source: the partner's own account."""

    @property
    def source(self) -> str | None:
        """The paying connection."""

    @property
    def destination(self) -> str:
        """The receiving connection."""

    @property
    def currency(self) -> str:
        """The currency."""

    @property
    def quantity(self) -> int:
        """Base units; negative: the other way round."""


class Accounts:
    """Balances of one partner's own account and of what its clients allocated."""

    def __init__(self, store: Store, partner: Partner) -> None:
        self._store = store
        self._partner = partner

    @property
    def own(self) -> str:
        """Name of the partner's own account."""
        return self._partner.id

    def available(self, account: str, currency: str) -> int:
        """Balance in base units of a connection's allocation or the partner's own account.

        What pending settlements hold is part of it.
        """
        stored = self._store.balance(account, currency)
        return self._partner.initial_balance(account, currency) if stored is None else stored

    def add(self, account: str, currency: str, amount: int) -> int:
        """Add to a balance, or take from it; returns the new balance."""
        available = self.available(account, currency) + amount
        self._store.set_balance(account, currency, available)
        return available

    def changes(self, movements: Iterable[Movement]) -> Changes:
        """Sum of the movements per account and currency."""
        changes: defaultdict[tuple[str, str], int] = defaultdict(int)
        for each in movements:
            changes[each.source or self.own, each.currency] -= each.quantity
            changes[each.destination, each.currency] += each.quantity
        return changes

    def move(self, movements: Iterable[Movement]) -> None:
        """Apply the movements to the balances."""
        for (account, currency), change in self.changes(movements).items():
            self.add(account, currency, change)

    def shortage(self, movements: Iterable[Movement]) -> str | None:
        """Why the movements cannot all run, or None if they can."""
        for (account, currency), change in sorted(self.changes(movements).items()):
            missing = -(self.available(account, currency) + change)
            if change < 0 and missing > 0:
                owner = "the partner's account" if account == self.own else f"connection {account}"
                return f"insufficient balance: {owner} lacks {missing} base units of {currency}"
        return None

    def uncovered_liabilities(self, movements: Iterable[Movement]) -> str | None:
        """Which connections lose more than they have left, beside what is held; None: none."""
        held = self.held()
        lacking = []
        for (account, currency), change in sorted(self.changes(movements).items()):
            left = self.available(account, currency) - held.get((account, currency), 0)
            if account != self.own and change < 0 and left + change < 0:
                lacking.append(
                    f"connection {account} lacks {-(left + change)} base units of {currency}"
                )
        if not lacking:
            return None
        return f"liabilities exceed the allocated balance: {'; '.join(lacking)}"

    def held(self) -> Changes:
        """What pending settlements of version 2 will take from connections, disputed or not."""
        held: defaultdict[tuple[str, str], int] = defaultdict(int)
        waiting = self._store.waiting_transfers(self._partner.id)
        for _, transfers in groupby(waiting, key=lambda each: each.settlement_id):
            for (account, currency), change in self.changes(transfers).items():
                if account != self.own and change < 0:
                    held[account, currency] -= change
        return held
