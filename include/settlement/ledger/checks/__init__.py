"""Invariants of the ledger's tables: what is checked, and the error for what does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from settlement.errors import ChainBrokenError
from settlement.values import PartnerName


@dataclass(frozen=True, slots=True)
class Audited:
    """Whose tables are checked; `decimals`: for the currencies that the ledger never bound."""

    partner: PartnerName
    decimals: Mapping[str, int]


def broken(what: str) -> ChainBrokenError:
    """The error for the first thing that does not hold."""
    return ChainBrokenError(f"{what}: stop the partner, compare the ledger with its latest backup")
