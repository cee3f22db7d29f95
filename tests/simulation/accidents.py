"""What goes wrong at the partner: faults of single requests, and storms over a whole date."""

from __future__ import annotations

from datetime import date

from partner_sandbox.faults import FaultKind, FaultRule, RandomFaults, Route
from simulation.kinds import Accident, PartnerKind
from simulation.world import SimulatedWorld
from support.fault_kinds import EVERYWHERE

ON_SUBMIT = (
    FaultKind.LATE,
    FaultKind.LATE,
    FaultKind.FORBIDDEN,
    FaultKind.PENDING,
    FaultKind.FAILED,
    FaultKind.REJECTED,
    FaultKind.CONFLICT,
    FaultKind.FOREIGN,
    FaultKind.LAG,
    FaultKind.WRONG_EXTERNAL_ID,
    FaultKind.WRONG_PAYLOAD,
)
NO = (FaultKind.FORBIDDEN, FaultKind.FORBIDDEN, FaultKind.BAD_REQUEST, FaultKind.BAD_TOKEN)
LATEST_CALLS = (2, 5, 10, 20, 40, 80, 200)
SLOTS_IN_A_STORM = 3


class Accidents:
    """Draws the partner's faults from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance
        self._on_submit = ON_SUBMIT
        if world.kind is PartnerKind.BROKER:  # one side of what it books would never net
            self._on_submit = tuple(each for each in ON_SUBMIT if each is not FaultKind.FOREIGN)

    def plan_faults(self, day: date) -> None:
        """Faults for the requests of a date, and now and then for any request."""
        if not self._world.happens(Accident.FAULTS):
            return
        chance = self._chance
        for _ in range(chance.choice([1, 1, 2, 3])):
            self._script(day)
        if chance.random() < 0.3:
            self._randomize()

    def plan_storm(self, day: date) -> None:
        """Requests of a date seem lost and arrive later; meanwhile the partner says no.

        Each slot has its own weather: one is late, another refused, the next goes through.
        """
        chance = self._chance
        self._world.happened(Accident.STORM, f"over {day}")
        for number in range(1, SLOTS_IN_A_STORM + 1):
            ours = {"route": Route.SUBMIT, "external_id": f"demo-{day}-{number}"}
            if chance.random() < 0.7:
                calls = chance.choice(LATEST_CALLS)
                times = chance.choice([1, 1, 2])
                self._plan(FaultRule(fault=FaultKind.LATE, calls=calls, times=times, **ours))
            if chance.random() < 0.7:
                no = chance.choice(NO)
                self._plan(FaultRule(fault=no, times=chance.choice([1, 1, 2, 4]), **ours))
            if chance.random() < 0.2:
                self._plan(FaultRule(fault=FaultKind.REJECTED, **ours))

    def _plan(self, rule: FaultRule) -> None:
        self._world.tell(
            f"fault ahead: {rule.fault} on {rule.route}, {rule.external_id}, {rule.times} times"
        )
        self._world.sandbox.faults.script(rule)

    def _randomize(self) -> None:
        chance = self._chance
        kinds = chance.sample(EVERYWHERE, 3) + chance.sample(self._on_submit, 2)
        rates = {kind: chance.choice([0.02, 0.1]) for kind in kinds}
        seconds = chance.choice([1, 900])
        self._world.tell(f"faults by chance: {', '.join(sorted(rates))}")
        self._world.sandbox.faults.randomize(
            RandomFaults(seed=chance.randrange(2**32), rates=rates, seconds=seconds)
        )

    def _script(self, day: date) -> None:
        chance = self._chance
        kind, route = self._kind_and_route()
        number = chance.choice(["*", "*", "1", "2"])
        self._plan(
            FaultRule(
                fault=kind,
                route=route,
                external_id=None if route is Route.CONNECTIONS else f"demo-{day}-{number}",
                times=chance.choice([1, 1, 2, 5]),
                look_ups=chance.choice([None, 1, 3, 8]),
                calls=chance.choice([1, 3, 10, 40]),
                seconds=chance.choice([None, None, 60, 7200]),
                page_size=chance.choice([1, 2]),
            )
        )

    def _kind_and_route(self) -> tuple[FaultKind, Route]:
        chance = self._chance
        if chance.random() < 0.5:
            kind = chance.choice(self._on_submit)
            return kind, Route.PAYLOAD if kind is FaultKind.WRONG_PAYLOAD else Route.SUBMIT
        kind = chance.choice(EVERYWHERE)
        if kind is FaultKind.CAPPED_PAGES:
            return kind, chance.choice([Route.LIST, Route.GET, Route.CONNECTIONS])
        return kind, chance.choice(
            [Route.SUBMIT, Route.SUBMIT, Route.PAYLOAD, Route.LIST, Route.GET, Route.CONNECTIONS]
        )
