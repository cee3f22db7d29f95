"""Names are compared here, byte for byte, so that no database's idea of equality counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice

from settlement.amounts import require_int
from settlement.config.fields import nearest
from settlement.config.partner_file import PartnerFile
from settlement.warehouse import cells
from settlement.warehouse.reader import HOUSE
from settlement.warehouse.session import Row, Session
from settlement.warehouse.statements import Statements
from settlement.wording import first_few

SHOWN_NAMES = 5
SHOWN_LENGTH = 60

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def is_connection(name: str) -> bool:
    """Whether a name is a UUID in its canonical form."""
    return _UUID.fullmatch(name) is not None


def wrong_names(
    session: Session,
    statements: Statements,
    partner: PartnerFile,
    doing: str,
    values: Mapping[str, object],
) -> list[str]:
    """Describe the names in the trades that are not the partner file's, with example trade ids.

    :param values: what trades.sql takes
    :return: one text for each of the first wrong names, and one for how many more there are
    """
    names = session.stream(doing, statements.over_trades("names"), values)
    wrong = _wrong(names, partner)
    shown = list(islice(wrong, SHOWN_NAMES))
    more = sum(1 for _ in wrong)
    sql = statements.over_trades("trades_naming")
    described = []
    for column, name, fault in shown:
        where = {**values, "column_name": column, "name": name}
        trades = list(session.stream(doing, sql, where))
        described.append(f"{column} {_quoted(name)} {fault}: {_examples(trades)}")
    return [*described, f"{more} more names like these"] if more else described


def _wrong(names: Iterator[Row], partner: PartnerFile) -> Iterator[tuple[str, str, str]]:
    """Column, name and what is wrong with it. Nulls are for the checks."""
    for column_cell, name_cell in names:
        column = cells.text(column_cell, "column_name")
        name = cells.text_or_none(name_cell, column)
        if name is None:
            continue
        if column.endswith("_connection_id"):
            if name != HOUSE and not is_connection(name):
                canonical = name.strip().lower()
                meant = f" (did you mean {canonical!r}?)" if is_connection(canonical) else ""
                yield column, name, f"is neither house nor a UUID in lower case{meant}"
        elif name not in partner.currencies:
            yield column, name, f"is not in the partner file{nearest(name, partner.currencies)}"


def _quoted(name: str) -> str:
    """With escapes: spaces at the end and letters that only look alike can be seen."""
    return ascii(name if len(name) <= SHOWN_LENGTH else f"{name[:SHOWN_LENGTH]}...")


def _examples(trades: list[Row]) -> str:
    found = require_int(trades[0][0], "found")
    return f"trade {first_few([trade_id for _, trade_id in trades], len(trades), count=found)}"
