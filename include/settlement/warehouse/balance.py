"""Clients plus house is zero: what one side receives, the other gives."""

from __future__ import annotations

from collections.abc import Mapping

from settlement.errors import WarehouseUnbalancedError


def require_balanced(client_sums: Mapping[str, int], house: Mapping[str, int]) -> None:
    """Refuse sums per currency, in base units, that do not cancel out.

    :param client_sums: sum of all clients' net positions per currency
    :param house: the house's positions, computed by its own statement
    :raises WarehouseUnbalancedError: naming every currency that is off, and by how much
    """
    off = [
        f"{currency}: clients {clients} + house {own} = {clients + own}"
        for currency in sorted({*client_sums, *house})
        if (clients := client_sums.get(currency, 0)) + (own := house.get(currency, 0)) != 0
    ]
    if off:
        raise WarehouseUnbalancedError(off)
