"""What happens in a world: its days, its accidents and its people, all drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial

from settlement.config.calendar import BusinessCalendar
from simulation.accidents import Accidents
from simulation.broken import PromiseBroken
from simulation.calm import Calm
from simulation.clients import Clients
from simulation.databases import Databases
from simulation.edits import Edits
from simulation.kinds import Accident, PartnerKind
from simulation.loader import Loader
from simulation.moments import BETWEEN_TRANSACTIONS, WHILE_READING
from simulation.people import People
from simulation.run import ALL_TASKS, Run, Task
from simulation.runs import Runs
from simulation.settings import FIRST_DAY
from simulation.workers import Workers
from simulation.world import SimulatedWorld

DAY = timedelta(days=1)
AT_MOST_A_DAY = 4
"""Things that happen after the first run of a day."""


class Story:
    """One world from its first day to the last, then back to calm."""

    def __init__(
        self,
        databases: Databases,
        seed: int,
        days: int,
        kind: PartnerKind = PartnerKind.DIRECT,
    ) -> None:
        self.seed = seed
        self.world = SimulatedWorld(databases, seed, kind)
        self._days_to_live = days
        self._chance = self.world.chance
        self._accidents = Accidents(self.world)
        self._edits = Edits(self.world)
        self._people = People(self.world)
        self._clients = Clients(self.world)
        self._loader = Loader(self.world, self.world.market)
        self._runs = Runs(self.world, Workers(self.world, self._people).work)
        self._calm = Calm(
            self.world, self._runs, self._edits, self._loader, self._people, self._clients
        )

    @property
    def days_lived(self) -> int:
        """Business days that have begun."""
        return len(self._runs.days)

    def play(self) -> None:
        """Live through all days; raises with the trace if a promise is broken."""
        try:
            day = FIRST_DAY
            while len(self._runs.days) < self._days_to_live:
                self._edits.before(day)
                if BusinessCalendar(self.world.partner).is_business_date(day):
                    self._live(day)
                day += DAY
            self._calm.restore()
        except Exception as error:
            raise PromiseBroken(
                f"{type(error).__name__}: {error}\n"
                f"What happened (seed {self.seed}):\n"
                + "\n".join(self.world.trace)
                + f"\nReplay: PYTHONPATH=tests .venv/bin/python -m simulation --seed {self.seed} "
                f"--days {self._days_to_live} --kind {self.world.kind}"
            ) from error
        finally:
            self.world.close()

    # days

    def _live(self, day: date) -> None:
        world, chance = self.world, self._chance
        world.tell(f"--- {day}")
        self._runs.days.append(day)
        calendar = BusinessCalendar(world.partner)
        world.clock.pass_until(calendar.cut_off(day))
        world.warehouse.load(day, chance.randint(1, 4))
        world.clock.pass_until(calendar.due_at(day))
        if world.happens(Accident.HALF_LOADED):
            world.warehouse.load_by_halves(day)
        self._accidents.plan_faults(day)
        self._people.before_the_run(day)
        self._clients.before_the_run()
        stormy = world.happens(Accident.STORM)
        if stormy:
            self._accidents.plan_storm(day)
        self._run_together(self._runs.new(day))
        happenings = self._happenings(stormy=stormy)
        for happening in happenings:
            world.clock.pass_time(timedelta(minutes=chance.choice([1, 10, 120])))
            happening(chance.choice([day, day, chance.choice(self._runs.days)]))
        world.moments.cancel_crash()
        self._people.after_the_run()
        self._clients.after_the_run()
        if chance.random() < 0.5:
            world.warehouse.complete_load()
        self._loader.put_right(0.3)
        if chance.random() < 0.5:
            world.sandbox.faults.clear()

    def _happenings(self, *, stormy: bool) -> list[Callable[[date], None]]:
        """What else happens on a day, in random order."""
        world, chance = self.world, self._chance
        kinds: dict[Accident, Callable[[date], None]] = {
            Accident.LATE_TRADES: self._late_trades,
            Accident.CORRECTED: self._correct,
            Accident.DELETED: self._delete,
            Accident.CLEARED: self._clear,
            Accident.CLEARED_DOWNSTREAM: self._clear_downstream,
            Accident.BACKFILL: self._backfill,
            Accident.BACKED_UP: self._back_up,
            Accident.LOST: self._lose_ledger,
            Accident.RESTORED: self._restore_ledger,
            Accident.RENAMED: self._point_elsewhere,
            Accident.TWO_DATES: self._two_dates,
        }
        for kind, befall in self._loader.accidents.items():
            kinds[kind] = partial(self._befall, befall)
        times = 3 if stormy else 1
        drawn = [do for kind, do in kinds.items() for _ in range(times) if world.happens(kind)]
        if chance.random() < 0.3:
            drawn.append(self._deliver_late)
        chance.shuffle(drawn)
        return drawn[:AT_MOST_A_DAY]

    def _late_trades(self, day: date) -> None:
        self.world.happened(Accident.LATE_TRADES)
        self.world.warehouse.load(day, self._chance.randint(1, 3))
        self._run_together(self._runs.new(day))

    def _correct(self, day: date) -> None:
        self._befall(self.world.warehouse.correct, day)

    def _delete(self, day: date) -> None:
        self._befall(self.world.warehouse.delete, day)

    def _befall(self, accident: Callable[[date], None], day: date) -> None:
        """Something happens to trades; then the date is run, or another one, or none."""
        accident(day)
        if self._chance.random() < 0.6:
            chosen = self._chance.choice([day, day, self._chance.choice(self._runs.days)])
            self._run_together(self._runs.new(chosen))

    def _clear(self, day: date) -> None:
        self._clear_tasks(day, Accident.CLEARED, (self._chance.choice(ALL_TASKS),))

    def _clear_downstream(self, day: date) -> None:
        first = self._chance.randrange(len(ALL_TASKS))
        self._clear_tasks(day, Accident.CLEARED_DOWNSTREAM, ALL_TASKS[first:])

    def _clear_tasks(self, day: date, kind: Accident, selected: tuple[Task, ...]) -> None:
        run = self._runs.newest[day]
        self.world.happened(kind, f"{', '.join(selected)} of {run.name}")
        self._runs.work(run, selected)

    def _backfill(self, day: date) -> None:
        """Runs of several dates, two at a time."""
        days = self._chance.sample(self._runs.days, min(3, len(self._runs.days)))
        self.world.happened(Accident.BACKFILL, ", ".join(map(str, days)))
        waiting = [self._runs.new(each).tasks() for each in days]
        self._in_turns(waiting[:2], waiting[2:])

    def _two_dates(self, day: date) -> None:
        """While one date's trades are read, a trade moves to another date, which is run."""
        other = self._chance.choice(self._runs.days)
        if other == day:
            return
        self.world.happened(Accident.TWO_DATES, f"{day} and {other}")
        there, back = self._chance.sample([day, other], 2)
        tasks = self._runs.new(other).tasks()
        steps = self._chance.choice([0, 1, 2, 6, 100])

        def intrude() -> None:
            self._loader.move(there, back)
            for _ in zip(range(steps), tasks, strict=False):
                pass

        self.world.moments.plan_intrusion(WHILE_READING, 1, "another date's run", intrude)
        self._runs.work(self._runs.new(day))
        self.world.moments.cancel_intrusion()
        for _ in tasks:
            pass

    def _back_up(self, day: date) -> None:
        self.world.back_up()

    def _lose_ledger(self, day: date) -> None:
        self._edits.correct_decimals()
        self.world.lose_ledger()
        self._ledger_replaced(day)

    def _restore_ledger(self, day: date) -> None:
        self._edits.correct_decimals()
        self.world.restore_ledger()
        self._ledger_replaced(day)

    def _ledger_replaced(self, day: date) -> None:
        """Whatever was under way is still under way, and nobody remembers it."""
        self._runs.nobody_is_green()
        if self._chance.random() < 0.5:
            self.world.warehouse.load(day, self._chance.randint(1, 2))
        self._run_together(self._runs.new(day))

    def _point_elsewhere(self, day: date) -> None:
        self._edits.pointed_elsewhere(lambda: self._runs.work(self._runs.new(day)))

    def _deliver_late(self, day: date) -> None:
        self.world.tell("requests under way arrive")
        self.world.sandbox.deliver_late()
        self.world.partner_side.deliver_copies()
        self.world.promises.check()
        self._run_together(self._runs.new(day))

    # runs

    def _run_together(self, run: Run) -> None:
        """A run, now and then with a second one of the same date in between."""
        if not self.world.happens(Accident.TWO_RUNS):
            self._runs.work(run)
            return
        self.world.count(Accident.TWO_RUNS)
        other = self._runs.new(run.day)
        if self._chance.random() < 0.5:
            self._in_turns([run.tasks(), other.tasks()], [])
            return
        tasks = other.tasks()
        self._step_in(tasks)
        self._runs.work(run)
        self.world.moments.cancel_intrusion()
        for _ in tasks:
            pass

    def _in_turns(self, going: list[Iterator[None]], waiting: list[Iterator[None]]) -> None:
        while going:
            tasks = self._chance.choice(going)
            if next(tasks, StopIteration) is StopIteration:
                going.remove(tasks)
                going += waiting[:1]
                waiting = waiting[1:]

    def _step_in(self, tasks: Iterator[None]) -> None:
        steps = self._chance.choice([1, 2, 3, 10])

        def intrude() -> None:
            for _ in range(steps):
                if next(tasks, StopIteration) is StopIteration:
                    return
            self._step_in(tasks)

        count = self._chance.randint(1, 40)
        self.world.moments.plan_intrusion(BETWEEN_TRANSACTIONS, count, "another run", intrude)
