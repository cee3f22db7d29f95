"""Looks at what is ours: the ledger, the binding, the warehouse, the signing key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.ledger.binding import binding_of, bound_values
from settlement.ledger.bound_currencies import bound_decimals, decimals_conflict
from settlement.ledger.database import Ledger
from settlement.ledger.install.version import current_version, newest_version
from settlement.ledger.people.holds import holds_in_force
from settlement.ledger.people.stop import stop_of
from settlement.signing.signer import Signer, key_id_of, signer_of
from settlement.steps.compute import CLOCKS_DIFFER, lines_to_settle
from settlement.warehouse import Warehouse
from settlement.warehouse.hashed_ids import read_trade_ids

WORTHLESS = "a test of the signing key"


@dataclass(slots=True)
class Traded:
    """Connections that the newest trades name, once the warehouse has been looked at."""

    connections: set[str] = field(default_factory=set)


def look_at_ledger(ledger: Ledger, partner: PartnerFile, base_url: str) -> Iterator[Diagnosis]:
    """Whether it answers, its version, and what it says about the partner."""
    with ledger.transaction() as tx:
        held = current_version(tx)
    if held != newest_version():
        yield wrong(
            "ledger",
            f"at version {held or 'none'}, this installation needs {newest_version()}: run "
            "`settlement ledger upgrade`",
        )
        return
    yield ok("ledger", f"answers, at version {held}")
    yield from _of_binding(ledger, partner, base_url)


def _of_binding(ledger: Ledger, partner: PartnerFile, base_url: str) -> Iterator[Diagnosis]:
    """What the partner's name is bound to, whether it is stopped, and who is on hold."""
    wanted = bound_values(partner, base_url)
    with ledger.transaction() as tx:
        held = binding_of(tx, partner.name)
        conflict = decimals_conflict(partner, bound_decimals(tx, partner.name))
        stop = stop_of(tx, partner.name)
        holds = holds_in_force(tx, partner.name)
    subject = "binding"
    if held is None:
        bound = f"{wanted['enterprise_id']} at {base_url}, {partner.amounts}"
        yield note(subject, f"the first run binds {partner.name} to {bound}")
    elif differing := [each for each in wanted if held[each] != wanted[each]]:
        was = ", ".join(f"{each} = {held[each]}" for each in differing)
        yield wrong(
            subject,
            f"bound to {was}, but the partner file or Airflow connection now says something else: "
            f"undo the edit, or `settlement bind {partner.name}`",
        )
    else:
        yield ok(subject, f"{partner.name} is bound to this account")
    if conflict is not None:
        yield wrong("bound decimals", conflict)
    if stop is not None:
        yield wrong(
            "stop flag",
            f"up since {stop.at.isoformat()} by {stop.who} ({stop.reason}): "
            f"`settlement go {partner.name}` lifts it",
        )
    for hold in holds:
        yield note("hold", f"{hold.connection_id} since {hold.at.isoformat()} ({hold.reason})")


def look_at_warehouse(
    warehouse: Warehouse, partner: PartnerFile, now: datetime, traded: Traded
) -> Iterator[Diagnosis]:
    """The newest due window: columns, types, checks, balance; as a run would read it.

    :param traded: is told which connections have a net position
    """
    subject = "warehouse"
    day = newest_due_date(partner, now)
    window = BusinessCalendar(partner).window(day)
    with warehouse.snapshot(partner, window) as reading:
        reading.check()
        read_trade_ids(reading, f"{partner.name} {day}").close()
        count = reading.trade_count()
        traded.connections.update(line.connection_id for line in lines_to_settle(reading, None))
    if count:
        positions = f"{len(traded.connections)} connections"
        yield ok(subject, f"{count:,} trades of {day} pass every check: {positions}, balanced")
    else:
        yield note(
            subject, f"no trades of {day}: the columns can be read, nothing else can be tested"
        )
    loaded = warehouse.loaded_until(partner, now + CLOCKS_DIFFER)
    if loaded is None:
        yield wrong(subject, f"there is not one trade of {partner.name}: check trades.sql")
    elif loaded < window.end:
        yield note(
            subject,
            f"newest recording {loaded.isoformat()}, before the cut-off of {day}: is the "
            "load late?",
        )


def newest_due_date(partner: PartnerFile, now: datetime) -> date:
    """The newest business date that may be settled now."""
    calendar = BusinessCalendar(partner)
    day = calendar.following(now.astimezone(UTC).date())
    while calendar.due_at(day) > now:
        day = calendar.previous(day)
    return day


def look_at_signer(signer: Signer, *, key_is_expected: bool) -> Iterator[Diagnosis]:
    """Have a worthless text signed.

    :param key_is_expected: whether the Airflow connection says which key must sign
    """
    signed_by = key_id_of(signer_of(WORTHLESS, signer.sign(WORTHLESS)))
    if key_is_expected:
        yield ok("signing key", f"key {signed_by} signs, as expected")
    else:
        yield note(
            "signing key",
            f"key {signed_by} signs; set public_key in its Airflow connection, so "
            "that a wrong key is found before the partner refuses it",
        )
