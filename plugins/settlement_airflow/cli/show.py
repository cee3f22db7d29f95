"""`settlement show`: a partner's dates, or one of them, as the ledger holds it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from settlement.config.partner_file import PartnerFile, load_partner
from settlement.ledger.attempts import Attempt
from settlement.ledger.bodies import StoredBody
from settlement.ledger.overview import DateView, SlotView, view_date
from settlement.partner.exchange import ExchangeKind
from settlement.slot.state import UNFINISHED, State
from settlement.watch.partner_view import view_partner
from settlement_airflow.cli.amounts_shown import (
    amounts_table,
    at,
    at_or_none,
    lines_json,
    lines_of,
)
from settlement_airflow.cli.arguments import AsJson, Partner, parse_day
from settlement_airflow.cli.console import print_json, results
from settlement_airflow.cli.partner_shown import partner_json, print_partner
from settlement_airflow.cli.questions_shown import question_json, questions_table
from settlement_airflow.cli.workplace import ledger_behind

STYLES = {State.COMPLETED: "green", State.WITHDRAWN: "dim"}


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(show)


def show(
    partner: Partner,
    day: Annotated[
        date | None,
        typer.Argument(metavar="[DATE]", parser=parse_day, help="Without it, how all dates stand."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show where a partner stands, or a business date: window, positions, requests, what is left.

    On-call starts here. Without a date: the money at risk, the dates that are not settled, the
    last ten that are. It reads the ledger only: nothing is asked of the partner, nothing changes.
    Positive amounts of a date are received by the client, negative ones given.

    **Example**

        settlement show demo
        settlement show demo 2026-03-02
        settlement show demo 2026-03-02 --json | jq .difference
    """
    file = load_partner(partner)
    if day is None:
        _show_partner(file, as_json=as_json)
        return
    with ledger_behind(file.ledger_conn_id) as ledger, ledger.transaction() as tx:
        view = view_date(tx, file.name, day)
    if as_json:
        print_json(date_json(view))
    else:
        _print(file, view)


def _show_partner(file: PartnerFile, *, as_json: bool) -> None:
    with ledger_behind(file.ledger_conn_id) as ledger:
        view = view_partner(ledger, file)
    if as_json:
        print_json(partner_json(view))
    else:
        print_partner(results(), file, view)


def date_json(view: DateView) -> dict[str, Any]:
    """A date for programs. Amounts are strings in base units, moments ISO 8601."""
    window, snapshot = view.window, view.snapshot
    return {
        "partner": view.partner,
        "business_date": view.business_date.isoformat(),
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()}
        if window
        else None,
        "snapshot": {
            "id": snapshot.id,
            "generation": snapshot.generation,
            "taken_at": snapshot.taken_at.isoformat(),
            "trade_count": snapshot.trade_count,
            "watermark": at_or_none(snapshot.watermark),
        }
        if snapshot
        else None,
        "net_positions": lines_json(lines_of(view.net_positions)),
        "slots": [slot_json(each) for each in view.slots],
        "difference": lines_json(lines_of(view.difference)),
        "held": [each.connection_id for each in view.holds],
        "stopped": view.stop.reason if view.stop else None,
        "questions": [question_json(each) for each in view.questions],
    }


def slot_json(view: SlotView) -> dict[str, Any]:
    """A slot for programs; `lines` are those of its current body."""
    current = view.current
    return {
        "external_id": view.slot.external_id,
        "state": view.state.value,
        "settlement_id": view.slot.settlement_id,
        "reason": view.slot.reason,
        "current_body": view.slot.current_body,
        "bodies": [body_json(each) for each in view.bodies],
        "lines": lines_json(current.lines) if current else [],
        "attempts": [attempt_json(each) for each in view.attempts],
    }


def body_json(body: StoredBody) -> dict[str, Any]:
    """A body for programs."""
    return {
        "number": body.number,
        "digest": body.digest,
        "origin": body.origin,
        "nonce": body.nonce,
        "key_id": body.key_id,
        "payload_present": body.payload is not None,
        "sent_at": at_or_none(body.sent_at),
        "lines": lines_json(body.lines),
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """An attempt for programs."""
    return {
        "kind": attempt.kind,
        "body": attempt.body_number,
        "started_at": attempt.started_at.isoformat(),
        "finished_at": at_or_none(attempt.finished_at),
        "status": attempt.status,
        "error": attempt.error,
        "who": attempt.who,
        "run_id": attempt.run_id,
    }


def _print(file: PartnerFile, view: DateView) -> None:
    console = results()
    title = Text(f"{view.partner} {view.business_date}", style="bold")
    console.print(title, _verdict(view), sep="  ")
    if view.stop is not None:
        stop = view.stop
        console.print(Text(f"STOPPED by {stop.who} at {at(stop.at)}: {stop.reason}", "bold red"))
    if view.snapshot is not None:
        snapshot = view.snapshot
        console.print(Text(f"window    {at(snapshot.window.start)} to {at(snapshot.window.end)}"))
        console.print(
            Text(f"snapshot  {snapshot.trade_count:,} trades, read {at(snapshot.taken_at)}")
        )
    for hold in view.holds:
        until = f"until {at(hold.until)}" if hold.until else "until it is ended"
        console.print(Text(f"on hold   {hold.connection_id} {until}: {hold.reason}", "yellow"))
    if view.questions:
        console.print(questions_table(view.questions))
        console.print(Text(f"answer with `settlement decide {view.partner} <question>`", "yellow"))
    if view.slots:
        console.print(_slots_table(view))
    net = lines_of(view.net_positions)
    if net:
        console.print(amounts_table("net positions", net, file.currencies))
    left = lines_of(view.difference)
    if left:
        console.print(amounts_table("difference: still to be settled", left, file.currencies))


def _verdict(view: DateView) -> Text:
    on_hold = {each.connection_id for each in view.holds}
    left = any(key.connection_id not in on_hold for key in view.difference)
    if view.snapshot is None:
        return Text("never computed", "yellow")
    if left or any(each.state in UNFINISHED for each in view.slots):
        return Text("NOT SETTLED", "bold red")
    return Text("settled, apart from what is on hold" if view.difference else "settled", "green")


def _slots_table(view: DateView) -> Table:
    table = Table(title="requests", title_justify="left", title_style="bold", header_style="")
    for column in ("externalId", "state", "lines", "settlement", "attempts", "last sent", "reason"):
        table.add_column(column, overflow="fold")
    for each in view.slots:
        style = STYLES.get(each.state, "red" if each.state in UNFINISHED else "yellow")
        sent = [attempt for attempt in each.attempts if attempt.kind == ExchangeKind.SUBMIT]
        table.add_row(
            each.slot.external_id,
            Text(each.state.value, style),
            str(len(each.current.lines)) if each.current else "-",
            each.slot.settlement_id or "-",
            str(len(each.attempts)),
            at(sent[-1].started_at) if sent else "-",
            each.slot.reason or "",
        )
    return table
