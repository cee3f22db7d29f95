"""What the product says that clearing a submit task would do, beside what it then does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from settlement.errors import BindingConflictError, SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.slots import load_slots
from settlement.request.external_id import parse_external_id
from settlement.steps.forecast import Does, Forecast, forecasts_of_date, load_around
from simulation.broken import require
from simulation.moments import Crash
from simulation.partner import Exchange, is_settlement_request

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld

COMPARED = "forecast of a clear compared"
SENDS = frozenset({Does.SENDS_AGAIN, Does.SENDS_FIRST})
STAYS = frozenset({Does.NOTHING, Does.RECONCILES})


class Forecasts:
    """Compares the first thing that a submit task does with what was forecast of it."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._first: Exchange | None = None

    def sees(self, exchange: Exchange) -> None:
        """An exchange begins."""
        self._first = self._first or exchange

    def around(self, external_id: str, submit: Callable[[], object]) -> None:
        """Submit, and require what was forecast.

        Nothing is required where somebody else steps in, where the process dies before it has done
        anything, or where an edited connection contradicts the binding, which only a worker knows.
        """
        alone = self._world.moments.may_intrude
        forecast = self._of(external_id)
        self._first = None
        error: BaseException | None = None
        try:
            submit()
        except (SettlementError, Crash) as raised:
            error = raised
            raise
        finally:
            died = isinstance(error, Crash) and self._first is None
            if alone and not died and not isinstance(error, BindingConflictError):
                self._require_came_true(forecast, self._first, error)

    def _of(self, external_id: str) -> Forecast:
        world, identity = self._world, parse_external_id(external_id)
        assert identity is not None
        with Ledger.transaction(world.ledger) as tx:  # without the moments of a process
            slots = load_slots(tx, world.partner.name, identity.business_date)
            around = load_around(tx, world.partner, identity.business_date)
            forecasts = forecasts_of_date(tx, world.partner, identity.business_date, slots, around)
        gone = Forecast(external_id, Does.BLOCKED, external_id, "this ledger has no such slot")
        return forecasts.get(external_id, gone)

    def _require_came_true(
        self, forecast: Forecast, first: Exchange | None, error: BaseException | None
    ) -> None:
        self._world.count(COMPARED)
        if first is None:
            came = forecast.does is Does.BLOCKED if error is not None else forecast.does in STAYS
        elif is_settlement_request(first):
            named = json.loads(first[3] or b"")["externalId"]
            came = forecast.does in SENDS and named == forecast.about
        else:
            came = forecast.does is Does.LOOKS_UP and ("externalIds", forecast.about) in first[2]
        did = first[:3] if first is not None else error
        require(came, f"{forecast.external_id}: forecast {forecast.in_words}, but it did: {did}")
