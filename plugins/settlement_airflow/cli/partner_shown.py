"""Where a partner stands, as people read it and as programs do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from settlement.amounts import displayed, to_base_units_text
from settlement.config.calendar import BusinessCalendar
from settlement.config.partner_file import PartnerFile
from settlement.slot.money_at_risk import Unsettled, by_currency
from settlement.slot.state import State
from settlement.watch.finding import spans_of
from settlement.watch.partner_view import DateLine, PartnerView
from settlement_airflow.cli.amounts_shown import at, at_or_none
from settlement_airflow.cli.questions_shown import question_json, questions_table

NOTHING_SENT = Text("-", "dim")


def partner_json(view: PartnerView) -> dict[str, Any]:
    """A partner for programs. Amounts are gross, strings in base units; moments ISO 8601."""
    return {
        "partner": view.partner,
        "at": view.at.isoformat(),
        "stopped": view.stop.reason if view.stop else None,
        "held": [each.connection_id for each in view.holds],
        "at_risk": _at_risk_json(view.at_risk),
        "not_settled": [_date_json(each) for each in view.not_settled],
        "settled": [_date_json(each) for each in view.settled],
        "questions": [question_json(each) for each in view.questions],
    }


def print_partner(console: Console, file: PartnerFile, view: PartnerView) -> None:
    """A partner for people: the money first, then the dates."""
    console.print(Text(view.partner, "bold"), _verdict(view), sep="  ")
    if view.stop is not None:
        stop = view.stop
        console.print(Text(f"STOPPED by {stop.who} at {at(stop.at)}: {stop.reason}", "bold red"))
    if view.at_risk:
        console.print(_at_risk_table(file, view))
    for each in view.holds:
        until = f"until {at(each.until)}" if each.until else "until it is ended"
        console.print(Text(f"on hold   {each.connection_id} {until}: {each.reason}", "yellow"))
    if view.questions:
        console.print(questions_table(view.questions))
        console.print(Text(f"answer with `settlement decide {view.partner} <question>`", "yellow"))
    if view.not_settled:
        console.print(_not_settled_table(file, view))
        console.print(Text(f"more: `settlement show {view.partner} <date>`", "dim"))
    if view.settled:
        console.print(_settled_table(view))


def _verdict(view: PartnerView) -> Text:
    overdue = sum(each.overdue for each in view.not_settled)
    if overdue:
        return Text(f"{overdue} date(s) should be settled and are not", "bold red")
    if view.not_settled:
        return Text(f"{len(view.not_settled)} date(s) still to be settled, none overdue", "yellow")
    return Text("every date that is due is settled" if view.settled else "no date yet", "green")


def _at_risk_table(file: PartnerFile, view: PartnerView) -> Table:
    """Only the columns in which there is money."""
    risks = [risk for risk in Unsettled if any(risk in each for each in view.at_risk.values())]
    table = _table("money at risk: gross, what clients receive plus what they give")
    table.add_column("currency")
    for risk in risks:
        table.add_column(risk.value, justify="right", no_wrap=True)
    for currency, amounts in sorted(view.at_risk.items()):
        listed = (amounts.get(risk) for risk in risks)
        cells = (
            "-" if each is None else displayed(each, currency, file.currencies) for each in listed
        )
        table.add_row(currency, *cells)
    return table


def _not_settled_table(file: PartnerFile, view: PartnerView) -> Table:
    table = _table("dates that are not settled")
    for column in ("date", "due until", "requests", "at risk"):
        table.add_column(column, overflow="fold")
    for dates, line in _rows(file, view.not_settled):
        style = "red" if line.overdue else "yellow"
        table.add_row(
            Text(dates, style),
            at(line.status.deadline),
            _requests(line.requests),
            _in_words(line, file.currencies),
        )
    return table


def _rows(file: PartnerFile, lines: Iterable[DateLine]) -> Iterator[tuple[str, DateLine]]:
    """A row for each date that was read; dates that never were follow, one row for each span."""
    lines = list(lines)
    for each in lines:
        if each.status.touched or each.requests:
            yield str(each.business_date), each
    never = {
        each.business_date: each for each in lines if not (each.status.touched or each.requests)
    }
    for span in spans_of(never, BusinessCalendar(file)):
        yield str(span), never[span.first]


def _settled_table(view: PartnerView) -> Table:
    table = _table("last dates that are settled")
    for column in ("date", "requests", "last event"):
        table.add_column(column, overflow="fold")
    for each in view.settled:
        table.add_row(
            Text(str(each.business_date), "green"),
            _requests(each.requests),
            at(each.status.last_event_at),
        )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", header_style="")


def _requests(requests: Mapping[State, int]) -> Text:
    listed = [f"{requests[state]:,} {state.value}" for state in State if state in requests]
    return Text(", ".join(listed)) if listed else NOTHING_SENT


def _in_words(line: DateLine, decimals: Mapping[str, int]) -> str:
    """What of the date's money is where; "never read" if no run ever read it."""
    at_risk = _at_risk_of(line)
    if not line.status.touched and not at_risk:
        return "no run has ever read it: its amounts are not known"
    listed = [
        f"{displayed(amount, currency, decimals)} {currency} {risk.value}"
        for currency, amounts in sorted(at_risk.items())
        for risk, amount in amounts.items()
    ]
    return "; ".join(listed) or "nothing, but no run has proved that it is settled"


def _at_risk_of(line: DateLine) -> dict[str, dict[Unsettled, int]]:
    return by_currency([line.at_risk] if line.at_risk else [])


def _date_json(line: DateLine) -> dict[str, Any]:
    return {
        "business_date": line.business_date.isoformat(),
        "overdue": line.overdue,
        "deadline": line.status.deadline.isoformat(),
        "read": line.status.touched,
        "left": line.status.left.message if line.status.left else None,
        "requests": {state.value: count for state, count in sorted(line.requests.items())},
        "at_risk": _at_risk_json(_at_risk_of(line)),
        "last_event_at": at_or_none(line.status.last_event_at),
    }


def _at_risk_json(at_risk: dict[str, dict[Unsettled, int]]) -> dict[str, dict[str, str]]:
    return {
        currency: {risk.value: to_base_units_text(amount) for risk, amount in amounts.items()}
        for currency, amounts in sorted(at_risk.items())
    }
