"""The runs of a world: the newest one of each date that was lived, and how they are worked."""

from __future__ import annotations

from datetime import date

from simulation.kinds import Accident
from simulation.run import ALL_TASKS, Run, Task, Worker
from simulation.world import SimulatedWorld


class Runs:
    """`days` that have begun, and `newest`: the newest run of each."""

    def __init__(self, world: SimulatedWorld, work: Worker) -> None:
        self._world = world
        self._worker = work
        self._count = 0
        self._started: set[str] = set()
        self.days = world.days
        self.newest: dict[date, Run] = {}

    def new(self, day: date) -> Run:
        """Another run of a date."""
        self._count += 1
        return self._begun(day, f"run {self._count} of {day}")

    def work(self, run: Run, selected: tuple[Task, ...] = ALL_TASKS) -> None:
        """Work through a run, and those that it starts to narrow a refusal down."""
        self._work(run, selected)
        while run.starts is not None and run.starts not in self._started:
            self._started.add(run.starts)
            self._world.count("run to narrow a refusal down")
            run = self._begun(run.day, run.starts)
            self._work(run, ALL_TASKS)

    def _work(self, run: Run, selected: tuple[Task, ...]) -> None:
        """Now and then somebody marks a task success instead."""
        marked = None
        if self._world.happens(Accident.MARKED):
            marked = self._world.chance.choice(selected)
            self._world.happened(Accident.MARKED, f"{marked} of {run.name}")
        for _ in run.tasks(selected, marked):
            pass

    def _begun(self, day: date, name: str) -> Run:
        run = Run(self._world, day, name, self._worker)
        self.newest[day] = run
        return run

    def nobody_is_green(self) -> None:
        """What was proved is forgotten with the ledger."""
        for run in self.newest.values():
            run.green = False
