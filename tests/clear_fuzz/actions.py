"""What people and machines do to the runs, one action at a time, as the seed says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

from clear_fuzz.faults import Partner
from clear_fuzz.runs import Run, Task
from clear_fuzz.site import Site
from support.kill import kill
from support.tasks_at_work import tasks_at_work

LONGEST_HOLD_S = 3
MOST_LATE_TRADES = 20

Action = Callable[[], str]


class Actions:
    """Draws actions from the site's seed and does them."""

    def __init__(self, site: Site, partner: Partner) -> None:
        self._site = site
        self._runs = site.runs
        self._chance = site.chance
        self._partner = partner
        self.marked: set[str] = set()
        """Runs in which somebody has set a state by hand: their colour says nothing."""
        self._weighted: dict[str, tuple[int, Action]] = {
            "clear a run": (2, self._clear_run),
            "clear what failed": (4, self._clear_failed),
            "clear a task, downstream": (5, self._clear_downstream),
            "clear a task alone": (3, self._clear_alone),
            "clear a task, upstream": (1, self._clear_upstream),
            "clear ticked tasks": (5, self._clear_ticked),
            "clear a map index": (3, self._clear_mapped),
            "mark a task": (3, self._mark_task),
            "mark a run": (1, self._mark_run),
            "trigger a date": (3, self._trigger),
            "trigger at a cut-off": (1, self._trigger_at_cut_off),
            "backfill": (2, self._backfill),
            "late trades": (4, self._late_trades),
            "loader locks": (2, self._lock_warehouse),
            "kill a task": (4, self._kill),
            "other faults": (4, partner.fail),
            "drain an account": (2, partner.drain),
            "fund all accounts": (2, partner.fund),
        }

    def next(self) -> tuple[str, str]:
        """Do one action; its kind, and what it did and was answered."""
        kinds = list(self._weighted)
        weights = [self._weighted[kind][0] for kind in kinds]
        kind = self._chance.choices(kinds, weights)[0]
        return kind, self._weighted[kind][1]()

    # clears

    def _clear_run(self) -> str:
        run = self._any_run()
        return f"{run.id}: {self._runs.clear_run(run, only_failed=False)}"

    def _clear_failed(self) -> str:
        run = self._any_run()
        return f"{run.id}: {self._runs.clear_run(run, only_failed=True)}"

    def _clear_downstream(self) -> str:
        return self._clear_one(include_downstream=True)

    def _clear_upstream(self) -> str:
        return self._clear_one(include_upstream=True)

    def _clear_alone(self) -> str:
        return self._clear_one()

    def _clear_one(self, **options: bool) -> str:
        run, task = self._any_run(), self._chance.choice(self._runs.task_ids())
        return f"{task} of {run.id}: {self._runs.clear_tasks(run, [task], **options)}"

    def _clear_ticked(self) -> str:
        """The list of what a clear would touch has check boxes: some are unticked."""
        run, tasks = self._any_run(), self._runs.task_ids()
        ticked = self._chance.sample(tasks, self._chance.randint(2, len(tasks) - 1))
        answer = self._runs.clear_tasks(run, ticked)
        return f"{', '.join(ticked)} of {run.id}: {answer}"

    def _clear_mapped(self) -> str:
        for run in self._shuffled_runs():
            mapped = [task for task in self._runs.tasks(run.id) if task.index >= 0]
            if mapped:
                return self._clear_index(run, self._chance.choice(mapped))
        return "no mapped task in any run"

    def _clear_index(self, run: Run, task: Task) -> str:
        downstream = self._chance.random() < 0.5
        answer = self._runs.clear_tasks(run, [(task.id, task.index)], include_downstream=downstream)
        return f"{_name(task)} of {run.id}, downstream {downstream}: {answer}"

    # states set by hand

    def _mark_task(self) -> str:
        run = self._any_run()
        tasks = self._runs.tasks(run.id)
        if not tasks:
            return f"no task in {run.id} yet"
        task, state = self._chance.choice(tasks), self._chance.choice(["success", "failed"])
        downstream = self._chance.random() < 0.3
        self.marked.add(run.id)
        answer = self._runs.mark_task(run, task, state, downstream=downstream)
        return f"{_name(task)} of {run.id} is {state}, downstream {downstream}: {answer}"

    def _mark_run(self) -> str:
        run, state = self._any_run(), self._chance.choice(["success", "failed"])
        self.marked.add(run.id)
        return f"{run.id} is {state}: {self._runs.mark_run(run, state)}"

    # more runs

    def _trigger(self) -> str:
        day = self._any_day()
        return f"{day}: {self._runs.trigger(day)}"

    def _trigger_at_cut_off(self) -> str:
        day = self._any_day()
        return f"{day}: {self._runs.trigger(day, at_cut_off=True)}"

    def _backfill(self) -> str:
        days = self._site.airflow.days
        first, last = sorted(self._chance.choices(range(len(days)), k=2))
        reprocess = self._chance.choice(["none", "failed", "completed"])
        answer = self._runs.backfill(days[first], days[last], reprocess)
        return f"{days[first]} to {days[last]}, {reprocess}: {answer}"

    # what happens beside them

    def _late_trades(self) -> str:
        day, count = self._any_day(), self._chance.randint(1, MOST_LATE_TRADES)
        self._site.trades.load_late(day, count, seed=self._chance.randrange(2**31))
        return f"{count} of {day}"

    def _lock_warehouse(self) -> str:
        seconds = self._chance.uniform(0.5, LONGEST_HOLD_S)
        file = self._site.trades.hold()
        threading.Event().wait(seconds)
        file.close()
        return f"{seconds:.1f} s"

    def _kill(self) -> str:
        working = list(tasks_at_work(self._site.airflow.stack))
        if not working:
            return "no task is running"
        victim = self._chance.choice(working)
        kill(victim.task)
        return victim.title

    def _shuffled_runs(self) -> list[Run]:
        runs = self._runs.all()
        return self._chance.sample(runs, len(runs))

    def _any_run(self) -> Run:
        return self._shuffled_runs()[0]

    def _any_day(self) -> date:
        return self._chance.choice(self._site.airflow.days)


def _name(task: Task) -> str:
    return f"{task.id}[{task.index}]" if task.index >= 0 else task.id
