"""Who executes a try of a task: one worker, the same one twice, two at once; and who disturbs."""

from __future__ import annotations

from collections.abc import Callable

from partner_sandbox.faults import FaultKind, FaultRule, Route
from simulation.kinds import Accident
from simulation.moments import (
    AROUND_EXCHANGES,
    BEFORE_TRANSACTIONS,
    BETWEEN_TRANSACTIONS,
    Moment,
)
from simulation.people import People
from simulation.run import Ended
from simulation.world import SimulatedWorld

MOST_MOMENTS = {Moment.WRITE: 40, Moment.BEFORE_SEND: 8, Moment.AFTER_ANSWER: 8}
"""How far ahead a crash is planned; 25 moments where nothing is said."""
A_NO_FOR_THE_FIRST = 0.3
"""Share of the requests sent by two workers of which the first hears a no, late."""
COPY_LATEST = 30
"""Exchanges after which the network's copy of a request arrives at the latest."""


class Workers:
    """Executes tasks, with what the scheduler, the machine, the network and people add."""

    def __init__(self, world: SimulatedWorld, people: People) -> None:
        self._world = world
        self._people = people

    def work(self, name: str, action: Callable[[], object]) -> Ended:
        """One try of a task, as the scheduler sees it."""
        world = self._world
        self._maybe_plan_accidents()
        if world.moments.may_intrude and world.happens(Accident.TWO_WORKERS):
            return self._by_two(name, action)
        ended = self._under_somebodys_eyes(name, action)
        if world.happens(Accident.REDELIVERED):
            world.happened(Accident.REDELIVERED)
            world.attempt(name, action)
        return ended

    def _under_somebodys_eyes(self, name: str, action: Callable[[], object]) -> Ended:
        """One worker; now and then a person decides something while it works."""
        world = self._world
        decisions = {
            Accident.HOLD_MEANWHILE: self._people.hold,
            Accident.STOP_MEANWHILE: self._people.stop,
        }
        drawn = [kind for kind in decisions if world.happens(kind)]
        if not drawn or not world.moments.may_intrude:
            return world.attempt(name, action)
        world.count(drawn[0])
        count = world.chance.choice([1, 1, 2, 3, 5, 8])
        world.moments.plan_intrusion(BEFORE_TRANSACTIONS, count, "a person", decisions[drawn[0]])
        ended = world.attempt(name, action)
        world.moments.cancel_intrusion()
        return ended

    def _by_two(self, name: str, action: Callable[[], object]) -> Ended:
        world, chance = self._world, self._world.chance
        world.count(Accident.TWO_WORKERS)
        moments = chance.choice([BETWEEN_TRANSACTIONS, AROUND_EXCHANGES, (Moment.AFTER_ANSWER,)])
        count = chance.choice([1, 1, 2, 3, 5, 8])
        _, _, external_id = name.partition(" submit ")
        if external_id and chance.random() < A_NO_FOR_THE_FIRST:
            rule = FaultRule(fault=FaultKind.FORBIDDEN, route=Route.SUBMIT, external_id=external_id)
            world.sandbox.faults.script(rule)
            moments, count = (Moment.AFTER_ANSWER,), 1
        world.moments.plan_intrusion(
            moments, count, "another worker", lambda: self._other_worker(name, action)
        )
        ended = world.attempt(name, action)
        world.moments.cancel_intrusion()
        return ended

    def _other_worker(self, name: str, action: Callable[[], object]) -> None:
        self._world.attempt(f"{name} (another worker)", action)

    def _maybe_plan_accidents(self) -> None:
        world, chance = self._world, self._world.chance
        if world.happens(Accident.KILLED):
            moment = chance.choice(tuple(Moment))
            world.moments.plan_crash(moment, chance.randint(1, MOST_MOMENTS.get(moment, 25)))
        if world.happens(Accident.DUPLICATED):
            world.count(Accident.DUPLICATED)
            world.partner_side.plan_copy(chance.choice([0, 0, 1, 5, COPY_LATEST]))
