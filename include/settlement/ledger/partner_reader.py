"""A reader of the partner's answers for whoever works with a ledger: recorded in it, or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from settlement.config.partner_file import PartnerFile
from settlement.ledger.attempts import RecordedExchange
from settlement.ledger.bound_currencies import require_bound_decimals
from settlement.ledger.database import Ledger
from settlement.partner.exchange import PartnerApi, unrecorded
from settlement.partner.reads import PartnerReader
from settlement.values import Actor


def recorded_reader(
    ledger: Ledger, api: PartnerApi, partner: PartnerFile, actor: Actor
) -> PartnerReader:
    """Reads as runs and people make them: each exchange is an attempt of the ledger."""
    exchange = RecordedExchange(ledger, api, partner.name, actor)
    return PartnerReader(partner, exchange, decimals=_decimals_for(ledger, partner), now=ledger.now)


def unrecorded_reader(ledger: Ledger, api: PartnerApi, partner: PartnerFile) -> PartnerReader:
    """Reads as the watch and the doctor make them: they may not write, and nothing follows."""
    return PartnerReader(
        partner, unrecorded(api), decimals=_decimals_for(ledger, partner), now=ledger.now
    )


def _decimals_for(ledger: Ledger, partner: PartnerFile) -> Callable[[], Mapping[str, int] | None]:
    """Decimals of the partner file, once they are seen to be those that are bound."""

    def decimals() -> Mapping[str, int] | None:
        """See `PartnerReader`.

        :raises BindingConflictError: if the partner file says other decimals than are bound
        """
        if partner.amounts == "base_units":
            return None
        with ledger.transaction() as tx:
            require_bound_decimals(tx, partner)
        return partner.currencies

    return decimals
