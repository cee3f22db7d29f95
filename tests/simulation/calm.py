"""The end of a world: faults stop, what failed is cleared, and everything comes right."""

from __future__ import annotations

from datetime import date, timedelta

from settlement.config.calendar import BusinessCalendar
from simulation.broken import PromiseBroken
from simulation.clients import Clients
from simulation.edits import Edits
from simulation.loader import Loader
from simulation.lookout import Lookout
from simulation.people import People
from simulation.runs import Runs
from simulation.world import SimulatedWorld

DAY = timedelta(days=1)


class Calm:
    """Brings a world to rest, and proves that every date is settled then."""

    def __init__(
        self,
        world: SimulatedWorld,
        runs: Runs,
        edits: Edits,
        loader: Loader,
        people: People,
        clients: Clients,
    ) -> None:
        self._world = world
        self._runs = runs
        self._edits = edits
        self._loader = loader
        self._lookout = Lookout(world)
        self._people = people
        self._clients = clients
        self._left_out: list[date] = []

    @property
    def _days(self) -> list[date]:
        """All dates but those that an edit has left no trading time: they are their neighbours'."""
        days = self._runs.days + self._left_out
        return [day for day in days if self._world.window(day) is not None]

    def restore(self) -> None:
        """Nothing fails any more; on-call clears what is red, and runs what was left out."""
        world = self._world
        world.tell("--- calm")
        world.stop_accidents()
        self._edits.undo()
        world.warehouse.complete_load()
        self._loader.put_right(1)
        if not all(world.warehouse.trades_of(day) for day in self._days):
            self._edits.allow_empty_days()
        for day in self._runs.days:
            world.clock.pass_until(BusinessCalendar(world.partner).due_at(day))
        world.promises.check()
        self._people.fund()
        self._people.escalate()
        self._people.release(1)
        self._clients.accept_all()
        self._clients.end_disputes()
        self._clear_what_is_red()
        if world.contradicted:
            world.lose_ledger()
            self._runs.nobody_is_green()
            self._clear_what_is_red()
        self._run_what_was_left_out()
        left = [day for day in self._days if not self._runs.newest[day].green]
        if left:
            raise PromiseBroken(f"never green, though nothing fails any more: {left}")
        self._prove_settled()

    def _clear_what_is_red(self) -> None:
        for _ in range(self._world.kind.clean_clears):
            self._world.clock.pass_time(timedelta(hours=3))
            self._people.decide()
            self._loader.remove_repetitions_in_a_date()
            for day in self._known_wrong():
                self._comes_right(day)

    def _run_what_was_left_out(self) -> None:
        """Dates that an edited calendar had not, and whose trades are no other date's."""
        world, runs = self._world, self._runs
        calendar = BusinessCalendar(world.partner)
        first, last = runs.days[0], runs.days[-1]
        between = [first + DAY * number for number in range((last - first).days)]
        self._left_out = [
            day
            for day in between
            if day not in runs.days and calendar.is_business_date(day)
            if world.warehouse.trades_of(day)
        ]
        for day in self._left_out:
            world.tell(f"{day} was left out")
            runs.new(day)
        self._clear_what_is_red()

    def _known_wrong(self) -> list[date]:
        """Dates that on-call hears of: their newest run is red, or the watch says something.

        Or people have left a trade out of them that was another date's, and is not any more.
        """
        found = self._lookout.look() | self._world.dates_without_their_own()
        return [day for day in self._days if day in found or not self._runs.newest[day].green]

    def _comes_right(self, day: date) -> bool:
        run = self._runs.newest[day]
        self._world.tell(f"clear {run.name}")
        self._runs.work(run)
        return self._runs.newest[day].green

    def _prove_settled(self) -> None:
        world, days = self._world, self._days
        for day in self._runs.days:
            world.promises.settled(day, world.owed(day))
        world.promises.every_trade_has_a_date(days)
        self._lookout.look()
        world.promises.every_trade_once(days, self._lookout)
        world.promises.explained()
        requests = world.partner_side.requests
        day = world.chance.choice(days)
        if not self._comes_right(day):
            raise PromiseBroken(f"clearing {day} again was not green")
        world.promises.nothing_sent_since(requests)
