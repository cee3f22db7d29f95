"""Edits of the partner file: some are taken, some are refused, some have to be undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from settlement.config.partner_file import CutOff, PartnerFile
from settlement.ledger.binding import rebind
from simulation.kinds import Accident
from simulation.partner import OtherHost
from simulation.people import PERSON, WHY
from simulation.settings import CHUNKS
from simulation.world import SimulatedWorld

CUT_OFFS = ("16:00", "17:00", "18:30", "23:00", "00:00")
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Tokyo")
USED_CURRENCIES = "SELECT DISTINCT currency FROM line ORDER BY currency"
BOUND_DECIMALS = "SELECT currency, decimals FROM bound_currency WHERE partner = 'demo'"
HALF = 0.5
CALENDARS = ("all-days", "weekdays", "NYSE")


class Edits:
    """Draws edits of the partner file from the world's seed."""

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world
        self._chance = world.chance
        self._original = world.partner

    def before(self, day: date) -> None:
        """Somebody edits the file, perhaps, before a date is over."""
        chance, world = self._chance, self._world
        if world.happens(Accident.CHUNK_SIZE):
            size = chance.choice(CHUNKS)
            self._edit(Accident.CHUNK_SIZE, f"{size}", max_connections_per_request=size)
        if world.happens(Accident.CUT_OFF):
            self._edit_entries(day, Accident.CUT_OFF, "at", chance.choice(CUT_OFFS))
        if world.happens(Accident.CALENDAR):
            self._edit_entries(day, Accident.CALENDAR, "calendar", chance.choice(CALENDARS))
        self._maybe_edit_decimals()
        if world.happens(Accident.TIME_ZONE):
            zone = chance.choice(ZONES)
            self._edit(Accident.TIME_ZONE, zone, timezone=zone)
            world.rewrite_the_past()

    def pointed_elsewhere(self, run: Callable[[], None]) -> None:
        """Under another name, or at another account, a bound partner is refused; then undone."""
        world = self._world
        if not world.watch.rows("SELECT 1 FROM binding WHERE partner = 'demo'"):
            return
        partner, api = world.partner, world.api
        change = self._chance.choice(
            [{"name": "demo2"}, {"enterprise_id": "another-enterprise"}, {"host": "staging"}]
        )
        world.happened(Accident.RENAMED, str(change))
        if "host" in change:
            world.api = OtherHost(world.partner_side)
        else:
            world.partner = _changed(partner, change)
        requests = world.partner_side.requests
        run()
        world.promises.nothing_sent_since(requests)
        world.partner, world.api = partner, api
        world.tell("undone")

    def correct_decimals(self) -> None:
        """Decimals are as they are at the partner."""
        right = self._original.currencies
        if self._world.partner.currencies != right:
            self._world.tell("the edit of decimals is undone")
            self._world.partner = _changed(self._world.partner, {"currencies": right})
        self._bind_if_it_differs()

    def _bind_if_it_differs(self) -> None:
        """A person binds the decimals of the file, if the ledger has others."""
        world = self._world
        bound = dict(world.watch.rows(BOUND_DECIMALS))
        if any(world.partner.currencies[each] != decimals for each, decimals in bound.items()):
            world.tell("a person binds the decimals of the file")
            with world.ledger.transaction() as tx:
                rebind(tx, world.partner, world.api.base_url, WHY, PERSON)

    def _maybe_edit_decimals(self) -> None:
        """Somebody edits the decimals of a currency that the ledger has moved already.

        Of one that it has not, it cannot know better.
        """
        world, chance = self._world, self._chance
        if chance.random() < HALF:
            self.correct_decimals()
        used = [row[0] for row in world.watch.rows(USED_CURRENCIES)]
        if used and world.happens(Accident.DECIMALS):
            currency = chance.choice(used)
            wrong = chance.choice(sorted({0, 6, 8, 18} - {world.partner.currencies[currency]}))
            edited = world.partner.currencies | {currency: wrong}
            self._edit(Accident.DECIMALS, f"{currency} = {wrong}", currencies=edited)
            if world.partner.amounts == "base_units" and chance.random() < HALF:
                self._bind_if_it_differs()  # amounts are written without decimals

    def undo(self) -> None:
        """The file is as it was in the beginning."""
        self.correct_decimals()
        if self._world.partner != self._original:
            self._world.tell("the edits of the partner file are undone")
            self._world.partner = self._original
            self._world.rewrite_the_past()

    def allow_empty_days(self) -> None:
        """A person has found that a date without trades has none: all of them moved, or went."""
        if not self._world.partner.allow_empty_days:
            self._world.tell("empty days are allowed")
            self._world.partner = _changed(self._world.partner, {"allow_empty_days": True})

    def _edit(self, kind: Accident, what: str, **changes: object) -> None:
        self._world.happened(kind, what)
        self._world.partner = _changed(self._world.partner, changes)

    def _edit_entries(self, day: date, kind: Accident, key: str, value: str) -> None:
        """A new entry from a date on, as it should be; or the newest one edited in place.

        In place that changes past dates too, unless the entry holds from this date on only.
        """
        *others, newest = self._world.partner.cut_offs
        entry = {"at": f"{newest.at:%H:%M}", "calendar": newest.calendar, "from": newest.from_}
        start = day + timedelta(days=self._chance.choice([0, 1, 2]))
        in_place = self._chance.random() >= 0.6 or start <= newest.from_
        if not in_place:
            others.append(newest)
            entry["from"] = start
        entry[key] = value
        entries = (*others, CutOff.model_validate(entry))
        self._edit(kind, f"{value} from {entry['from']}", cut_offs=entries)
        if in_place:
            self._world.rewrite_the_past()


def _changed(partner: PartnerFile, changes: dict[str, Any]) -> PartnerFile:
    return partner.model_copy(update=changes)
