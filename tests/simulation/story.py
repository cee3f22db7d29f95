"""What happens in a world: its days, its accidents and its people, all drawn from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from simulation.accidents import Accidents
from simulation.databases import Databases
from simulation.people import People
from simulation.promises import PromiseBroken
from simulation.run import Run, Task
from simulation.world import FIRST_DAY, SimulatedWorld

CLEAN_RUNS = 4
DAY = timedelta(days=1)
CLEARS: tuple[tuple[Task, ...], ...] = (
    (Task.SUBMIT,),
    (Task.BUILD,),
    (Task.SIGN,),
    (Task.VERIFY,),
    (Task.COMPUTE,),
    (Task.BUILD, Task.SIGN, Task.SUBMIT, Task.FOLLOW, Task.VERIFY),
    (Task.SUBMIT, Task.FOLLOW, Task.VERIFY),
)


class Story:
    """One world from its first day to the last, then back to calm."""

    def __init__(self, databases: Databases, seed: int, days: int) -> None:
        self.seed = seed
        self.days = [FIRST_DAY + DAY * number for number in range(days)]
        self.world = SimulatedWorld(databases, seed)
        self._chance = self.world.chance
        self._runs: dict[date, Run] = {}
        self._run_count = 0
        self._accidents = Accidents(self.world)
        self._people = People(self.world)

    def play(self) -> None:
        """Live through all days; raises with the trace if a promise is broken."""
        try:
            for day in self.days:
                self._live(day)
            self._calm_down()
        except Exception as error:
            raise PromiseBroken(
                f"{type(error).__name__}: {error}\n"
                f"What happened (seed {self.seed}):\n"
                + "\n".join(self.world.trace)
                + f"\nReplay: PYTHONPATH=tests .venv/bin/python -m simulation --seed {self.seed} "
                f"--days {len(self.days)}"
            ) from error
        finally:
            self.world.close()

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    # days

    def _live(self, day: date) -> None:
        world, chance = self.world, self._chance
        world.tell(f"--- {day}")
        world.clock.pass_until(world.window(day).end)
        world.load_trades(day, chance.randint(1, 6))
        world.clock.pass_until(world.calendar.due_at(day))
        self._accidents.plan_faults(day)
        self._people.before_the_run(day)
        self._accidents.plan_crash()
        if self._maybe(0.12):
            self._storm(day)
        else:
            self._run_together(self._new_run(day))
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            self._something_else(day)
        self.world.moments.cancel_crash()
        self._people.after_the_run()
        if self._maybe(0.5):
            world.sandbox.faults.clear()

    def _something_else(self, today: date) -> None:
        chance = self._chance
        world = self.world
        days = self.days[: self.days.index(today) + 1]
        day = chance.choice([today, today, chance.choice(days)])
        world.clock.pass_time(timedelta(minutes=chance.choice([1, 10, 120])))
        happening = chance.choices(
            ["late", "again", "clear", "lost", "restored", "backup", "delivered"],
            [30, 20, 25, 6, 6, 8, 8],
        )[0]
        if happening == "late":
            world.load_trades(day, chance.randint(1, 3))
        if happening == "backup":
            world.back_up()
            return
        if happening in {"lost", "restored"}:
            self._replace_ledger(happening)
        if happening == "delivered":
            world.tell("requests under way arrive")
            world.sandbox.deliver_late()
            world.promises.check()
        self._accidents.plan_crash()
        if happening == "clear" and day in self._runs:
            selected = chance.choice(CLEARS)
            run = self._runs[day]
            world.tell(f"clear {', '.join(selected)} of {run.name}")
            self._work(run, selected)
        else:
            self._run_together(self._new_run(day))

    def _storm(self, day: date) -> None:
        """Requests are late, the ledger is replaced or not, and more trades come in."""
        world, chance = self.world, self._chance
        self._accidents.plan_storm(day)
        self._work(self._new_run(day))
        for _ in range(chance.choice([1, 2])):
            if self._maybe(0.5):
                self._replace_ledger(chance.choice(["lost", "restored"]))
            if self._maybe(0.7):
                world.load_trades(day, chance.randint(1, 3))
            self._work(self._new_run(day))

    def _replace_ledger(self, happening: str) -> None:
        if happening == "lost":
            self.world.lose_ledger()
        else:
            self.world.restore_ledger()
        for run in self._runs.values():
            run.green = False

    def _new_run(self, day: date) -> Run:
        self._run_count += 1
        run = Run(self.world, day, f"run {self._run_count} of {day}")
        self._runs[day] = run
        return run

    def _run_together(self, run: Run) -> None:
        """A run, now and then with a second one of the same date in between."""
        manner = self._chance.choices(["alone", "in turns", "stepping in"], [65, 15, 20])[0]
        if manner == "alone":
            self._work(run)
            return
        other = self._new_run(run.day)
        if manner == "in turns":
            going = [run.tasks(), other.tasks()]
            while going:
                tasks = self._chance.choice(going)
                if next(tasks, StopIteration) is StopIteration:
                    going.remove(tasks)
        else:
            tasks = other.tasks()
            self._step_in(tasks)
            self._work(run)
            self.world.moments.cancel_intrusion()
            for _ in tasks:
                pass
        self.world.promises.check_chain()

    def _step_in(self, tasks: Iterator[None]) -> None:
        steps = self._chance.choice([1, 2, 3, 10])

        def intrude() -> None:
            for _ in range(steps):
                if next(tasks, StopIteration) is StopIteration:
                    return
            self._step_in(tasks)

        self.world.moments.plan_intrusion(self._chance.randint(1, 60), intrude)

    def _work(self, run: Run, selected: tuple[Task, ...] = tuple(Task)) -> None:
        for _ in run.tasks(selected):
            pass
        self.world.promises.check_chain()

    # the end

    def _calm_down(self) -> None:
        """Faults stop; what failed is run again, and everything comes right."""
        world = self.world
        world.tell("--- calm")
        world.moments.cancel_crash()
        world.sandbox.faults.clear()
        world.sandbox.deliver_late()
        world.promises.check()
        self._people.fund()
        self._people.release(1)
        self._people.decide()
        left = [day for day in self.days if not self._is_right(day)]
        for _ in range(CLEAN_RUNS):
            world.clock.pass_time(timedelta(hours=3))
            self._people.decide()
            left = [day for day in left if not self._comes_right(day)]
            if not left:
                break
        if left:
            raise PromiseBroken(f"never green, though nothing fails any more: {left}")
        self._prove_settled()

    def _is_right(self, day: date) -> bool:
        """Whether the newest run was green and nothing has happened to the date since."""
        return self._runs[day].green and self.world.promises.is_settled(day, self.world.owed(day))

    def _comes_right(self, day: date) -> bool:
        run = self._new_run(day)
        self._work(run)
        return run.green

    def _prove_settled(self) -> None:
        world = self.world
        for day in self.days:
            world.promises.settled(day, world.owed(day))
        world.promises.explained()
        requests = world.api.requests
        day = self._chance.choice(self.days)
        if not self._comes_right(day) or world.api.requests != requests:
            raise PromiseBroken(f"running {day} again was not green or sent something")
