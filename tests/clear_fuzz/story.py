"""A seeded story: a backfill, actions by chance, the end at which everything is put right."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date
from pathlib import Path
from time import monotonic

from clear_fuzz.actions import Actions
from clear_fuzz.books import Books, NotEqual
from clear_fuzz.faults import Partner
from clear_fuzz.runs import NeverQuietError, Run
from clear_fuzz.site import Site
from settlement_airflow.operators.airflow_runs import WAIT

MOST_RUNS_AT_WORK = 5
LONGEST_PAUSE_S = 3
SCHEDULED_DAYS = 2
"""The newest dates are left to the schedule; all others are backfilled."""
COMPUTE = "compute_net_positions"
"""What the runbook says to clear, with downstream, when a date is red and nothing helps."""
MOST_ROUNDS = 2
"""A late trade against a request that had failed waits for it: the run that completes the request
is red, and says that the next run sends what is left."""


class Story:
    """One story on a site whose DAG is paused still."""

    def __init__(self, site: Site, log: Path) -> None:
        self._site = site
        self._days = site.airflow.days
        self._partner = Partner(site.chance, site.airflow.sandbox, site.store)
        self._books = Books(site.airflow.sandbox, site.airflow.ledger, site.trades)
        self._actions = Actions(site, self._partner)
        self._started = monotonic()
        self._log = log
        self.counts: Counter[str] = Counter()

    def play(self, seconds: float) -> None:
        """Act for so long, put everything right, and compare.

        :raises NotEqual: if a promise does not hold, or a run never ends; its text has the log of
            all that was done
        """
        try:
            self._begin()
            deadline = monotonic() + seconds
            while monotonic() < deadline:
                self._act()
            self._put_right()
            self._compare()
        except (NotEqual, NeverQuietError) as broken:
            self._tell("NOT EQUAL", str(broken))
            raise NotEqual(f"{self._log.read_text()}\n{broken}") from None

    def _begin(self) -> None:
        """Faults are on from the first request; the first runs are a backfill's."""
        site = self._site
        self._tell("faults", self._partner.fail())
        first, last = self._days[0], self._days[-SCHEDULED_DAYS - 1]
        self._tell("backfill", f"{first} to {last}: {site.runs.backfill(first, last, 'none')}")
        site.runs.begin()

    def _act(self) -> None:
        kind, done = self._actions.next()
        self.counts[kind] += 1
        self._tell(kind, done)
        self._books.check()
        self._site.airflow.stack.require_alive()
        self._pause()

    def _pause(self) -> None:
        """Let the scheduler work: a little, and longer while many runs are at work."""
        pause = threading.Event()
        pause.wait(self._site.chance.uniform(0, LONGEST_PAUSE_S))
        while sum(not run.finished for run in self._site.runs.all()) > MOST_RUNS_AT_WORK:
            pause.wait(1)
            self._books.check()

    # the end

    def _put_right(self) -> None:
        """What on-call does in the morning: clear what failed once, then as the runbook says."""
        self._partner.be_well()
        self._tell("the partner is well again", "")
        for run in self._quiet():
            if run.state == "failed":
                self._clear("clear what failed", run)
        self._quiet()
        for _ in range(MOST_ROUNDS):
            for day in filter(self._red, self._days):
                self._recompute(day)
            self._quiet()

    def _clear(self, kind: str, run: Run) -> None:
        self.counts[kind] += 1
        self._tell(kind, f"{run.id}: {self._site.runs.clear_run(run, only_failed=True)}")

    def _recompute(self, day: date) -> None:
        run = self._site.runs.newest_of(day)
        assert run is not None, f"{day} has no run"
        reason = self._red(day)
        skipped = [task.id for task in self._site.runs.tasks(run.id) if task.state == "skipped"]
        first = WAIT if WAIT in skipped else COMPUTE
        answer = self._site.runs.clear_tasks(run, [first], include_downstream=True)
        self.counts["clear as the runbook says"] += 1
        self._tell("clear as the runbook says", f"{first} of {run.id}, since {reason}: {answer}")

    def _red(self, day: date) -> str:
        """Why somebody has to do something about a date; empty if nobody has."""
        run = self._site.runs.newest_of(day)
        state = run.state if run else "missing"
        colour = "" if state == "success" else f"its newest run is {state}; "
        return colour + self._books.left_on(day)

    def _quiet(self) -> list[Run]:
        runs = self._site.runs.wait_until_quiet(self._site.airflow.stack.require_alive)
        self._books.check()
        self._tell("quiet", f"{Counter(run.state for run in runs)}")
        return runs

    # the comparison

    def _compare(self) -> None:
        for day in self._days:
            red = self._red(day)
            if red:
                raise NotEqual(f"{day} was put right and is not: {red}")
        verified = self._site.airflow.command("verify", "demo")
        if verified.returncode != 0:
            raise NotEqual(f"settlement verify: {verified.stdout} {verified.stderr}")
        for run in self._site.runs.all():
            by_itself = run.state == "success" and run.id not in self._actions.marked
            if by_itself and not self._books.proofs[run.id]:
                raise NotEqual(f"{run.id} is green, but its gate has proved nothing")
        self._tell("equal", verified.stdout.strip())

    def rows(self) -> list[tuple[str, int]]:
        """What there was of everything, for the table."""
        runs = self._site.runs.all()
        clears = sum(count for kind, count in self.counts.items() if kind.startswith("clear"))
        return [
            *sorted(self.counts.items()),
            ("actions", self.counts.total()),
            ("clears", clears),
            ("runs", len(runs)),
            ("tries of tasks", sum(task.tries for task in self._site.runs.tasks("~"))),
            ("requests booked", self._books.requests_booked),
            ("proofs of settled dates", sum(self._books.proofs.values())),
            ("dates", len(self._days)),
            ("difference", 0),
        ]

    def _tell(self, what: str, details: str) -> None:
        with self._log.open("a") as log:
            log.write(f"{monotonic() - self._started:7.1f} {what}: {details}\n")
