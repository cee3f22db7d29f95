"""Clients plus house is zero: what one side receives, the other gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from settlement.errors import WarehouseUnbalancedError
from settlement.values import Line


class SummedLines:
    """Passes lines through and sums them per currency on the way.

    :param sums: what is told the sums, in base units
    """

    def __init__(self, lines: Iterable[Line], sums: dict[str, int]) -> None:
        self._lines = lines
        self.sums = sums

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            self.sums[line.currency] = self.sums.get(line.currency, 0) + line.amount
            yield line


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
