"""What goes wrong: faults of the partner, and processes that die."""

from __future__ import annotations

from datetime import date

from partner_sandbox.faults import FaultKind, FaultRule, RandomFaults, Route
from simulation.moments import Moment
from simulation.world import SimulatedWorld

EVERYWHERE = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.ERROR_BEFORE,
    FaultKind.ERROR_AFTER,
    FaultKind.RATE_LIMITED,
    FaultKind.BAD_GATEWAY,
    FaultKind.UNAVAILABLE,
    FaultKind.GATEWAY_TIMEOUT,
    FaultKind.REDIRECT,
    FaultKind.TRUNCATED,
    FaultKind.HTML,
    FaultKind.EMPTY,
    FaultKind.BAD_TOKEN,
    FaultKind.FORBIDDEN,
    FaultKind.BAD_REQUEST,
    FaultKind.TOO_LARGE,
    FaultKind.DELAY,
    FaultKind.DRIP,
    FaultKind.CAPPED_PAGES,
)
ON_SUBMIT = (
    FaultKind.LATE,
    FaultKind.LATE,
    FaultKind.PENDING,
    FaultKind.FAILED,
    FaultKind.REJECTED,
    FaultKind.CONFLICT,
    FaultKind.FOREIGN,
    FaultKind.LAG,
    FaultKind.WRONG_EXTERNAL_ID,
    FaultKind.WRONG_PAYLOAD,
)

MOST_MOMENTS = {Moment.WRITE: 120, Moment.BEFORE_SEND: 10, Moment.AFTER_ANSWER: 10}
"""How far ahead a crash is planned; 50 moments where nothing is said."""


class Accidents:
    """Draws accidents from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance

    def plan_crash(self) -> None:
        """Every other time, the process dies somewhere ahead."""
        chance = self._chance
        if chance.random() < 0.5:
            moment = chance.choice(tuple(Moment))
            self._world.moments.plan_crash(moment, chance.randint(1, MOST_MOMENTS.get(moment, 50)))

    def plan_faults(self, day: date) -> None:
        """Faults for the requests of a date, and now and then for any request."""
        chance = self._chance
        for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
            self._script(day)
        if chance.random() < 0.25:
            self._randomize()

    def plan_storm(self, day: date) -> None:
        """Every request of the date seems lost; each arrives later, some first after a refusal."""
        chance = self._chance
        calls = chance.choice([5, 20, 60, 200])
        self._world.tell(f"a storm: requests of {day} arrive {calls} requests later")
        ours = {"route": Route.SUBMIT, "external_id": f"demo-{day}-*"}
        for _ in range(chance.randint(1, 4)):
            times = chance.randint(1, 2)
            late = FaultRule(fault=FaultKind.LATE, calls=calls, times=times, **ours)
            refused = FaultRule(fault=FaultKind.FORBIDDEN, times=chance.randint(1, 3), **ours)
            self._world.sandbox.faults.script(late, refused)

    def _randomize(self) -> None:
        chance = self._chance
        kinds = chance.sample(EVERYWHERE, 3) + chance.sample(ON_SUBMIT, 2)
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
        rule = FaultRule(
            fault=kind,
            route=route,
            external_id=None if route is Route.CONNECTIONS else f"demo-{day}-{number}",
            times=chance.choice([1, 1, 2, 5]),
            look_ups=chance.choice([None, 1, 3, 8]),
            calls=chance.choice([1, 3, 10, 40]),
            seconds=chance.choice([None, None, 60, 7200]),
            page_size=chance.choice([1, 2]),
        )
        self._world.tell(f"fault {kind} on {route}, {rule.external_id}, {rule.times} times")
        self._world.sandbox.faults.script(rule)

    def _kind_and_route(self) -> tuple[FaultKind, Route]:
        chance = self._chance
        if chance.random() < 0.5:
            kind = chance.choice(ON_SUBMIT)
            return kind, Route.PAYLOAD if kind is FaultKind.WRONG_PAYLOAD else Route.SUBMIT
        kind = chance.choice(EVERYWHERE)
        if kind is FaultKind.CAPPED_PAGES:
            return kind, chance.choice([Route.LIST, Route.GET, Route.CONNECTIONS])
        return kind, chance.choice(
            [Route.SUBMIT, Route.SUBMIT, Route.PAYLOAD, Route.LIST, Route.GET, Route.CONNECTIONS]
        )
