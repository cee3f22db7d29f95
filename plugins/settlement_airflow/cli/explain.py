"""`settlement explain`: from an amount that was sent back to its trades, in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from settlement.amounts import displayed
from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError
from settlement.ledger.transfers import kind_of
from settlement.request.external_id import parse_external_id
from settlement.slot.evidence import ShownTransfer
from settlement.values import PositionKey
from settlement.warehouse import TradeRow
from settlement_airflow.cli.amounts_shown import amounts_table, at
from settlement_airflow.cli.arguments import (
    AsJson,
    ExternalId,
    parse_connection,
    partner_named_or_only,
)
from settlement_airflow.cli.console import print_json, results
from settlement_airflow.cli.explanation import Explanation, as_text, explanation_of
from settlement_airflow.cli.workplace import warehouse_of, work_for
from settlement_airflow.trace import Trace, position_in, trace

SHOWN_ANSWER = 240


def add_to(app: typer.Typer, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(explain)


def explain(
    external_id: ExternalId,
    connection: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONNECTION]", parser=parse_connection, help="Whose amount to explain."
        ),
    ] = None,
    currency: Annotated[
        str | None, typer.Argument(metavar="[CURRENCY]", help="In which currency.")
    ] = None,
    *,
    partner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Needed for an externalId of another form.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a request: its lines, snapshot, signature, and every attempt and answer.

    With a connection and a currency, also the trades behind that amount and the query that summed
    them. On-call reads the answers here; a client's question is answered with the trades.

    **Example**

        settlement explain demo-2026-03-02-1
        settlement explain demo-2026-03-02-1 02b8f9cd-e41c-5a6f-b50e-59fe93be2c65 USDC
    """
    if connection is not None and currency is None:
        raise ConfigurationError(f"which currency of {connection}? Give it as the last argument")
    identity = parse_external_id(external_id)
    file = partner_named_or_only(partner or (identity.partner if identity else None))
    traced: Trace | None = None
    with work_for(file) as ledger:
        with ledger.transaction() as tx:
            explanation = explanation_of(tx, external_id)
            if connection is not None and currency is not None:
                key = PositionKey(connection, currency)
                amount = position_in(tx, external_id, explanation.snapshot, key)
        if connection is not None and explanation.snapshot is not None:
            traced = trace(ledger, warehouse_of(file), file, explanation.snapshot, key, amount)
    if as_json:
        content = explanation.as_json()
        print_json({**content, "position": traced.as_json()} if traced else content)
    else:
        _print(file, explanation, traced)


def _why_not(traced: Trace, trade: TradeRow) -> str:
    return "left to another date" if trade.trade_id in traced.left_out else "later"


def _print(file: PartnerFile, explanation: Explanation, traced: Trace | None) -> None:
    console = results()
    slot, current = explanation.view.slot, explanation.view.current
    console.print(Text(f"{slot.external_id}  {slot.state.value}", "bold"))
    for name, value in _facts(explanation):
        console.print(Text(f"{name:<12}{value}"))
    if current is not None:
        title = f"body {current.number}"
        console.print(amounts_table(title, current.lines, file.currencies))
    if explanation.transfers:
        console.print(_transfers_table(explanation.transfers, file.currencies))
    console.print(_attempts_table(explanation))
    if traced is not None:
        console.print(trades_table(traced, file.currencies))
        console.print(Text("query", "bold"))
        console.print(Text(traced.snapshot.query_text))


def _facts(explanation: Explanation) -> list[tuple[str, str]]:
    slot, current, snapshot = (
        explanation.view.slot,
        explanation.view.current,
        explanation.snapshot,
    )
    facts = [("settlement", slot.settlement_id or "-"), ("reason", slot.reason or "-")]
    if current is not None:
        count = len(explanation.view.bodies)
        facts += [
            ("bodies", f"{count}, current: {current.number} ({current.origin})"),
            ("notes", current.notes),
            ("nonce", current.nonce),
            ("signed with", f"key {current.key_id}" if current.key_id else "not signed"),
            ("sent", at(current.sent_at)),
        ]
    if snapshot is not None:
        read = f"{at(snapshot.taken_at)} by {snapshot.run_id or 'no run'}"
        facts += [
            ("snapshot", f"{snapshot.id}: {snapshot.trade_count:,} trades, read {read}"),
            ("window", f"{at(snapshot.window.start)} to {at(snapshot.window.end)}"),
        ]
    return facts


def _transfers_table(transfers: Sequence[ShownTransfer], decimals: Mapping[str, int]) -> Table:
    """What the partner made of it: ours, and adjustments of earlier requests after disputes.

    A broker's client is paid by another one; everybody else's by the partner.
    """
    table = Table(title="transfers", title_justify="left", title_style="bold", header_style="")
    for column in ("connection", "paid by", "currency"):
        table.add_column(column, no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    for column in ("kind", "status"):
        table.add_column(column, no_wrap=True)
    for each in transfers:
        amount = displayed(each.amount, each.currency, decimals)
        payer = each.source_connection_id or "the partner"
        kind = kind_of(each).value
        table.add_row(each.connection_id, payer, each.currency, amount, kind, each.status)
    return table


def _attempts_table(explanation: Explanation) -> Table:
    table = Table(title="attempts", title_justify="left", title_style="bold", header_style="")
    for column in ("started", "kind", "body", "status", "answer", "who"):
        table.add_column(column, overflow="fold")
    for each in explanation.view.attempts:
        table.add_row(
            at(each.started_at),
            each.kind,
            str(each.body_number or "-"),
            str(each.status or "-"),
            Text(_short(as_text(each.answer) or each.error or "no answer yet")),
            f"{each.who} {each.run_id or ''}".strip(),
        )
    return table


def _short(answer: str) -> str:
    """The beginning of an answer: a page of transfers would hide the other attempts."""
    return answer if len(answer) <= SHOWN_ANSWER else f"{answer[:SHOWN_ANSWER]}… (--json: all)"


def trades_table(traced: Trace, decimals: Mapping[str, int]) -> Table:
    """The trades behind a net position, for people."""
    key = traced.key
    position = displayed(traced.amount, key.currency, decimals)
    table = Table(
        title=f"trades behind {position} {key.currency} of {key.connection_id}",
        title_justify="left",
        title_style="bold",
        header_style="",
        caption=f"sum now: {displayed(traced.sum_now(), key.currency, decimals)} {key.currency}",
        caption_justify="left",
    )
    for column in ("trade", "executed", "recorded", "pair", "side"):
        table.add_column(column, no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    for each in traced.trades:
        effect = displayed(traced.effect(each), key.currency, decimals)
        table.add_row(
            each.trade_id,
            at(each.executed_at),
            at(each.recorded_at),
            f"{each.base_currency}/{each.quote_currency}",
            "buyer" if each.buyer_connection_id == key.connection_id else "seller",
            effect if traced.was_read(each) else f"{effect} ({_why_not(traced, each)})",
        )
    return table
