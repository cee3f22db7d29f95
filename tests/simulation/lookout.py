"""The project's own watch looks at a world: what nobody knows and it does not say is lost."""

from __future__ import annotations

from datetime import date

from settlement.watch.checks import find_all
from settlement.watch.context import WatchContext
from settlement.watch.finding import Finding
from simulation.world import SimulatedWorld
from support.in_process import MemoryWarehouse


class Lookout:
    """Looks when told to, and remembers what was found."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self.found: list[Finding] = []

    def look(self) -> set[date]:
        """Look at everything; the dates that something is found about."""
        world = self._world
        warehouse = MemoryWarehouse()  # of its own: what the watch reads is no run's reading
        warehouse.trades = world.warehouse.trades
        context = WatchContext(
            ledger=world.ledger,
            partner=world.partner,
            open_warehouse=lambda: warehouse,
            open_api=lambda: world.api,
            runs=None,
            now=world.clock(),
            thorough=False,  # a world is younger than its weeks; its chain is proved at the end
        )
        found = find_all(context)
        for each in found:
            world.tell(f"  the watch: {each}")
        self.found += found
        return {each.business_date for each in found if each.business_date is not None}

    def names(self, trade_id: str) -> bool:
        """Whether a finding names a trade."""
        return any(trade_id in each.text for each in self.found)
