"""What a person does by hand: stop and go, hold and release, record and ignore, close a date.

The same domain functions as the command's, for whoever has a form instead of a shell.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, cast, select
from sqlalchemy.dialects.postgresql import JSON

from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError
from settlement.ledger.people.closings import close_date, reopen_date
from settlement.ledger.people.holds import lift_hold, put_on_hold
from settlement.ledger.people.stop import lower_stop, raise_stop
from settlement.ledger.schema import event
from settlement.steps.desk import Desk
from settlement.steps.foreign_settlements import ignore_named, record_settlement
from settlement.values import Actor, PartnerName


class What(StrEnum):
    """What can be done."""

    STOP = "stop"
    GO = "go"
    HOLD = "hold"
    RELEASE = "release"
    RECORD = "record"
    IGNORE = "ignore"
    CLOSE_DATE = "close-date"
    REOPEN_DATE = "reopen-date"


NEEDS: Mapping[What, tuple[str, ...]] = {
    What.STOP: (),
    What.GO: (),
    What.HOLD: ("connection_id",),
    What.RELEASE: ("connection_id",),
    What.RECORD: ("external_id", "business_date"),
    What.IGNORE: ("external_id",),
    What.CLOSE_DATE: ("business_date",),
    What.REOPEN_DATE: ("business_date",),
}
"""What each must be told beside the reason."""
MAY_HAVE: Mapping[What, tuple[str, ...]] = {What.HOLD: ("until",)}
FIELDS = ("connection_id", "until", "external_id", "business_date")


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done, why, and on what; only the fields that it needs are set."""

    what: What
    reason: str
    connection_id: str = ""
    until: str = ""
    external_id: str = ""
    business_date: date | None = None


def action_in(form: Mapping[str, object]) -> Action:
    """The action that a filled form asks for.

    A field that the action has no use for is refused, too: whoever stops a partner and names a
    connection means something else.

    :raises ConfigurationError: if something is missing, unreadable, or too much
    """
    told = {name: str(form.get(name) or "").strip() for name in ("action", "reason", *FIELDS)}
    try:
        what = What(told["action"])
    except ValueError:
        raise ConfigurationError(f"choose an action: {', '.join(What)}. Nothing was done") from None
    if not told["reason"]:
        raise ConfigurationError("say why: the reason is kept for good. Nothing was done")
    for name in FIELDS:
        if name in NEEDS[what] and not told[name]:
            raise ConfigurationError(f"{what} needs {name}. Nothing was done")
        if told[name] and name not in (*NEEDS[what], *MAY_HAVE.get(what, ())):
            raise ConfigurationError(
                f"{what} has no use for {name}: leave it empty, or choose the action that you "
                "mean. Nothing was done"
            )
    return Action(
        what,
        told["reason"],
        _connection_id(told["connection_id"]),
        told["until"],
        told["external_id"],
        _date(told["business_date"]),
    )


def carry_out(desk: Desk, action: Action) -> str:
    """Do it, once for each run; in one sentence what holds now.

    A task that is tried again, or cleared by hand weeks later, must not do again what somebody has
    changed since.

    :raises ConfigurationError: if there is nothing to do, or it cannot be done like that
    :raises OutcomeUnknownError, CredentialsError: if the partner does not show what is named
    """
    with desk.ledger.transaction() as tx:
        if _done_by(tx, desk.partner.name, desk.actor):
            return f"{action.what} was done by this run before: nothing is done again"
    match action:
        case Action(What.RECORD, external_id=name, business_date=date() as day):
            slot = record_settlement(desk, name, day, action.reason)
            return (
                f"{name} counts for {day} as {slot.state.value}, settlement {slot.settlement_id}: "
                f"run {desk.partner.name} {day} again, it settles the rest"
            )
        case Action(What.IGNORE, external_id=name):
            ignored = ignore_named(desk, name, action.reason)
            return f"{name} (settlement {ignored.id}) is put aside: it counts for no date"
        case Action(What.CLOSE_DATE | What.REOPEN_DATE, business_date=date() as day):
            return _close_or_reopen(desk, action, day)
        case _:
            return _in_the_ledger(desk, action)


def end_of_hold(partner: PartnerFile, until: str | None, now: datetime) -> datetime | None:
    """When a hold ends: a date or time in the partner's zone; None without an end.

    :raises ConfigurationError: if that is not readable, or past
    """
    if not until:
        return None
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise ConfigurationError(
            f"the hold's end {until!r} is no date or time: write it like 2026-03-09 or "
            "2026-03-09T12:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(partner.timezone))
    if moment <= now:
        raise ConfigurationError(f"the hold's end {until} is past: it would have ended already")
    return moment.astimezone(UTC)


def _close_or_reopen(desk: Desk, action: Action, day: date) -> str:
    name = desk.partner.name
    with desk.ledger.transaction() as tx:
        if action.what is What.CLOSE_DATE:
            close_date(tx, desk.partner, day, action.reason, desk.actor)
            return f"{name} {day} is closed: no run settles it, and the watch leaves it alone"
        reopen_date(tx, name, day, action.reason, desk.actor)
        return f"{name} {day} is open again: run it, and it settles what is left"


def _in_the_ledger(desk: Desk, action: Action) -> str:
    """The actions for which the partner is not asked."""
    name, reason, client = desk.partner.name, action.reason, action.connection_id
    end = end_of_hold(desk.partner, action.until, desk.ledger.now())
    with desk.ledger.transaction() as tx:
        match action.what:
            case What.STOP:
                raise_stop(tx, name, reason, desk.actor)
                return f"{name} is stopped: nothing is sent until somebody chooses go"
            case What.GO:
                lower_stop(tx, name, reason, desk.actor)
                return f"{name} may send again: run the dates that failed meanwhile"
            case What.HOLD:
                put_on_hold(tx, name, client, reason, end, desk.actor)
                until = f"until {end.isoformat()}" if end else "until somebody chooses release"
                return f"{client} of {name} is on hold {until}"
            case What.RELEASE:
                lift_hold(tx, name, client, reason, desk.actor)
                return f"{client} of {name} settles again: run the dates that were left open"
            case _:
                raise ConfigurationError(f"{action.what} needs a business date. Nothing was done")


def _done_by(tx: Connection, partner: PartnerName, actor: Actor) -> bool:
    """Whether this task of this run has left an event before."""
    details = cast(event.c.details, JSON)
    query = select(event.c.seq).where(
        event.c.partner == partner,
        details["run_id"].astext == actor.run_id,
        details["task_id"].astext == actor.task_id,
    )
    return tx.execute(query.limit(1)).first() is not None


def _connection_id(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if text else ""
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not a connection id: a UUID, as errors and `settlement show` name it. "
            "Nothing was done"
        ) from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not a date: write it like 2026-03-02. Nothing was done"
        ) from None
