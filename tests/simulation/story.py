"""What happens in a world: its days, its accidents and its people, all drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from settlement.business_calendar import BusinessCalendar
from simulation.accidents import Accidents
from simulation.broken import PromiseBroken
from simulation.clients import Clients
from simulation.databases import Databases
from simulation.edits import Edits
from simulation.kinds import Accident, PartnerKind
from simulation.moments import BETWEEN_TRANSACTIONS
from simulation.people import People
from simulation.run import ALL_TASKS, Run, Task
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
        self._days: list[date] = []
        self._chance = self.world.chance
        self._runs: dict[date, Run] = {}
        self._run_count = 0
        self._accidents = Accidents(self.world)
        self._edits = Edits(self.world)
        self._people = People(self.world)
        self._clients = Clients(self.world)
        self._workers = Workers(self.world, self._people)

    @property
    def days_lived(self) -> int:
        """Business days that have begun."""
        return len(self._days)

    def play(self) -> None:
        """Live through all days; raises with the trace if a promise is broken."""
        try:
            day = FIRST_DAY
            while len(self._days) < self._days_to_live:
                self._edits.before(day)
                if BusinessCalendar(self.world.partner).is_business_date(day):
                    self._live(day)
                day += DAY
            self._calm_down()
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
        self._days.append(day)
        calendar = BusinessCalendar(world.partner)
        world.clock.pass_until(calendar.cut_off(day))
        world.warehouse.load(day, chance.randint(1, 4))
        world.clock.pass_until(calendar.due_at(day))
        if world.happens(Accident.HALF_LOADED):
            world.warehouse.load_by_halves(day)
        self._accidents.plan_faults(day)
        self._people.before_the_run(day)
        stormy = world.happens(Accident.STORM)
        if stormy:
            self._accidents.plan_storm(day)
        self._run_together(self._new_run(day))
        happenings = self._happenings(stormy=stormy)
        for happening in happenings:
            world.clock.pass_time(timedelta(minutes=chance.choice([1, 10, 120])))
            happening(chance.choice([day, day, chance.choice(self._days)]))
        world.moments.cancel_crash()
        self._people.after_the_run()
        self._clients.after_the_run()
        if chance.random() < 0.5:
            world.warehouse.complete_load()
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
        }
        times = 3 if stormy else 1
        drawn = [do for kind, do in kinds.items() for _ in range(times) if world.happens(kind)]
        if chance.random() < 0.3:
            drawn.append(self._deliver_late)
        chance.shuffle(drawn)
        return drawn[:AT_MOST_A_DAY]

    def _late_trades(self, day: date) -> None:
        self.world.happened(Accident.LATE_TRADES)
        self.world.warehouse.load(day, self._chance.randint(1, 3))
        self._run_together(self._new_run(day))

    def _correct(self, day: date) -> None:
        self.world.warehouse.correct(day)
        self._run_together(self._new_run(day))

    def _delete(self, day: date) -> None:
        self.world.warehouse.delete(day)
        self._run_together(self._new_run(day))

    def _clear(self, day: date) -> None:
        self._clear_tasks(day, Accident.CLEARED, (self._chance.choice(ALL_TASKS),))

    def _clear_downstream(self, day: date) -> None:
        first = self._chance.randrange(len(ALL_TASKS))
        self._clear_tasks(day, Accident.CLEARED_DOWNSTREAM, ALL_TASKS[first:])

    def _clear_tasks(self, day: date, kind: Accident, selected: tuple[Task, ...]) -> None:
        run = self._runs[day]
        self.world.happened(kind, f"{', '.join(selected)} of {run.name}")
        self._work(run, selected)

    def _backfill(self, day: date) -> None:
        """Runs of several dates, two at a time."""
        days = self._chance.sample(self._days, min(3, len(self._days)))
        self.world.happened(Accident.BACKFILL, ", ".join(map(str, days)))
        waiting = [self._new_run(each).tasks() for each in days]
        self._in_turns(waiting[:2], waiting[2:])

    def _back_up(self, day: date) -> None:
        self.world.back_up()

    def _lose_ledger(self, day: date) -> None:
        self.world.lose_ledger()
        self._ledger_replaced(day)

    def _restore_ledger(self, day: date) -> None:
        self.world.restore_ledger()
        self._ledger_replaced(day)

    def _ledger_replaced(self, day: date) -> None:
        """Whatever was under way is still under way, and nobody remembers it."""
        self._nobody_is_green()
        if self._chance.random() < 0.5:
            self.world.warehouse.load(day, self._chance.randint(1, 2))
        self._run_together(self._new_run(day))

    def _nobody_is_green(self) -> None:
        for run in self._runs.values():
            run.green = False

    def _point_elsewhere(self, day: date) -> None:
        self._edits.pointed_elsewhere(lambda: self._work(self._new_run(day)))

    def _deliver_late(self, day: date) -> None:
        self.world.tell("requests under way arrive")
        self.world.sandbox.deliver_late()
        self.world.partner_side.deliver_copies()
        self.world.promises.check()
        self._run_together(self._new_run(day))

    # runs

    def _new_run(self, day: date) -> Run:
        self._run_count += 1
        run = Run(self.world, day, f"run {self._run_count} of {day}", self._workers.work)
        self._runs[day] = run
        return run

    def _run_together(self, run: Run) -> None:
        """A run, now and then with a second one of the same date in between."""
        if not self.world.happens(Accident.TWO_RUNS):
            self._work(run)
            return
        self.world.count(Accident.TWO_RUNS)
        other = self._new_run(run.day)
        if self._chance.random() < 0.5:
            self._in_turns([run.tasks(), other.tasks()], [])
            return
        tasks = other.tasks()
        self._step_in(tasks)
        self._work(run)
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

    def _work(self, run: Run, selected: tuple[Task, ...] = ALL_TASKS) -> None:
        marked = None
        if self.world.happens(Accident.MARKED):
            marked = self._chance.choice(selected)
            self.world.happened(Accident.MARKED, f"{marked} of {run.name}")
        for _ in run.tasks(selected, marked):
            pass

    # the end

    def _calm_down(self) -> None:
        """Faults stop; what failed is cleared, and everything comes right."""
        world = self.world
        world.tell("--- calm")
        world.stop_accidents()
        self._edits.undo()
        world.warehouse.complete_load()
        for day in self._days:
            world.clock.pass_until(BusinessCalendar(world.partner).due_at(day))
        world.promises.check()
        self._people.fund()
        self._people.escalate()
        self._people.release(1)
        self._clients.end_disputes()
        self._clear_what_is_red()
        if world.contradicted:
            world.lose_ledger()
            self._nobody_is_green()
            self._clear_what_is_red()
        left = self._not_right()
        if left:
            raise PromiseBroken(f"never green, though nothing fails any more: {left}")
        self._prove_settled()

    def _clear_what_is_red(self) -> None:
        for _ in range(self.world.kind.clean_clears):
            self.world.clock.pass_time(timedelta(hours=3))
            self._people.decide()
            for day in self._not_right():
                self._comes_right(day)

    def _not_right(self) -> list[date]:
        return [day for day in self._days if not self._is_right(day)]

    def _is_right(self, day: date) -> bool:
        """Whether the newest run was green and nothing has happened to the date since.

        Trades that came and cancel out leave every position as it is, and are still a change.
        """
        run, world = self._runs[day], self.world
        same_trades = run.has_read == world.warehouse.trades_of(day)
        return run.green and same_trades and world.promises.is_settled(day, world.owed(day))

    def _comes_right(self, day: date) -> bool:
        run = self._runs[day]
        self.world.tell(f"clear {run.name}")
        self._work(run)
        return run.green

    def _prove_settled(self) -> None:
        world = self.world
        for day in self._days:
            world.promises.settled(day, world.owed(day))
        world.promises.every_trade_has_a_date(self._days)
        world.promises.explained()
        requests = world.partner_side.requests
        day = self._chance.choice(self._days)
        if not self._comes_right(day):
            raise PromiseBroken(f"clearing {day} again was not green")
        world.promises.nothing_sent_since(requests)
