"""A run of the DAG for one date: its tasks, their retries and clears, and crashes in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from settlement.errors import OutcomeUnknownError
from settlement.steps.branch import NextStep, next_steps, run_to_narrow
from settlement.steps.build import build_requests
from settlement.steps.compute import Computed, compute_net_positions
from settlement.steps.reconcile import look_up_pending, reconcile_conflicts
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement.steps.verify import verify_settled
from settlement.values import Actor
from simulation.kinds import Accident

if TYPE_CHECKING:
    from simulation.world import SimulatedWorld

FIRST_DELAY = timedelta(seconds=15)


class Ended(StrEnum):
    """How one try of a task ended."""

    DONE = "done"
    RETRY = "retry"
    FAILED = "failed"


class Task(StrEnum):
    """Tasks of the DAG that do work."""

    COMPUTE = "compute"
    BUILD = "build"
    SIGN = "sign"
    SUBMIT = "submit"
    FOLLOW = "follow"
    VERIFY = "verify"


ALL_TASKS = tuple(Task)
Worker = Callable[[str, Callable[[], object]], Ended]


class Run:
    """One DAG run; what its tasks handed on (XCom) survives clears and crashes, as in Airflow.

    `work` executes one try of a task: usually once, now and then twice, or by two workers.
    """

    def __init__(
        self, world: SimulatedWorld, day: date, name: str, work: Worker, tries: int = 2
    ) -> None:
        self.day = day
        self.name = name
        self.green = False
        self.starts: str | None = None
        """The run that narrows a refusal down, once the branch has seen one."""
        self._world = world
        self._work = work
        self._tries = tries
        self._actor = Actor("scheduler", run_id=name)
        self._started = world.clock()
        self._computed: Computed | None = None
        self._built = False
        self._to_submit: list[str] | None = None

    def tasks(
        self, selected: tuple[Task, ...] = ALL_TASKS, marked: Task | None = None
    ) -> Iterator[None]:
        """Work through the selected tasks; yields after every try of a task.

        :param marked: a person marks this one success: it counts as done and does nothing
        """
        self.green = False
        steps: dict[Task, Callable[[], Iterator[None]]] = {
            Task.COMPUTE: self._compute,
            Task.BUILD: self._build,
            Task.SIGN: self._sign,
            Task.SUBMIT: self._submit,
            Task.FOLLOW: self._follow,
            Task.VERIFY: self._verify,
        }
        for task, step in steps.items():
            if task in selected and task is not marked:
                yield from step()

    def _compute(self) -> Iterator[None]:
        self._computed = None
        self._built = False
        self._to_submit = None

        def compute() -> None:
            world = self._world
            with world.warehouse.read_for(self.day):
                self._computed = compute_net_positions(
                    world.desk_of(self._actor), world.warehouse, self.day
                )

        yield from self._task("compute", compute)

    def _build(self) -> Iterator[None]:
        computed = self._computed
        if computed is None:
            return
        self._built = False
        self._to_submit = None

        def build() -> None:
            world = self._world
            built = build_requests(
                world.desk_of(self._actor),
                self.day,
                computed.generation,
            )
            self._built = True
            if built.superseded:
                world.tell(f"  {self.name}: superseded, nothing built")

        yield from self._task("build", build)

    def _sign(self) -> Iterator[None]:
        if not self._built:
            return
        self._to_submit = None

        def sign() -> None:
            world = self._world
            self._to_submit = sign_requests(world.desk_of(self._actor), world.signer, self.day)

        yield from self._task("sign", sign)

    def _submit(self) -> Iterator[None]:
        """One mapped task per request; Airflow starts them in any order."""
        world = self._world
        external_ids = list(self._to_submit or [])
        if len(external_ids) > 1 and world.happens(Accident.SHUFFLED):
            world.chance.shuffle(external_ids)
            world.count(Accident.SHUFFLED)
        for external_id in external_ids:

            def submit(external_id: str = external_id) -> None:
                world.forecasts.around(
                    external_id, lambda: submit_request(world.desk_of(self._actor), external_id)
                )

            yield from self._task(f"submit {external_id}", submit)

    def _follow(self) -> Iterator[None]:
        """The branch, and the task that it leads to."""
        world = self._world
        submitted = set(self._to_submit or [])
        steps: set[NextStep] = set()

        def branch() -> None:
            steps.update(next_steps(world.ledger, world.partner, self.day, submitted))
            self.starts = run_to_narrow(world.desk_of(self._actor), self.day)

        yield from self._task("branch", branch)

        def reconcile() -> None:
            reconcile_conflicts(world.desk_of(self._actor), self.day)

        def await_settlement() -> None:
            pending = look_up_pending(world.desk_of(self._actor), self.day)
            if pending:
                raise OutcomeUnknownError(f"{', '.join(pending)} still pending")

        if NextStep.RECONCILE_CONFLICTS in steps:
            yield from self._task("reconcile", reconcile)
        if NextStep.AWAIT_SETTLEMENT in steps:
            yield from self._task("await", await_settlement)

    def _verify(self) -> Iterator[None]:
        world = self._world

        def verify() -> None:
            settled = verify_settled(world.desk_of(self._actor), self.day, since=self._started)
            world.promises.green(settled)
            self.green = True

        yield from self._task("verify", verify, tries=1)

    def _task(
        self, name: str, action: Callable[[], object], tries: int | None = None
    ) -> Iterator[None]:
        delay = FIRST_DELAY
        for _ in range(tries or self._tries):
            ended = self._work(f"{self.name} {name}", action)
            yield
            if ended is not Ended.RETRY:
                return
            self._world.clock.pass_time(delay)
            delay *= 2
