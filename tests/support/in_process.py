"""The partner API and the warehouse in this process, behind the domain's own interfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_TOKEN
from partner_sandbox.messages import ConnectionDropped, Request
from settlement.config.partner_file import PartnerFile
from settlement.partner.exchange import Answer, TransportError
from settlement.values import Line, PositionKey, Window, as_lines
from settlement.warehouse import TradeIds, TradeRow
from settlement.warehouse.hashed_ids import hash_of
from support.memory_survey import MemorySurvey


class SandboxApi:
    """The domain's PartnerApi over the sandbox's core, without sockets."""

    base_url = "https://partner.test"

    def __init__(self, sandbox: Sandbox, token: str = DEMO_TOKEN) -> None:
        self.sandbox = sandbox
        self.token = token

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """One exchange with the sandbox."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = Request(method, path, list(query), headers, content or b"")
        try:
            response = self.sandbox.handle(request)
        except ConnectionDropped:
            raise TransportError("connection closed without an answer") from None
        answer_headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, response.body, answer_headers)


class MemoryWarehouse:
    """Trades in a list; each reading freezes a copy. Sums in plain Python, as an oracle would."""

    def __init__(self) -> None:
        self.trades: list[TradeRow] = []

    @contextmanager
    def snapshot(self, partner: PartnerFile, window: Window) -> Iterator[MemorySnapshot]:
        """Freeze the trades of the window."""
        yield MemorySnapshot(
            [each for each in self.trades if window.start <= each.executed_at < window.end]
        )

    def loaded_until(self, partner: PartnerFile, recorded_until: datetime) -> datetime | None:
        """Newest recording up to then."""
        recorded = (each.recorded_at for each in self.trades)
        return max((each for each in recorded if each <= recorded_until), default=None)

    @contextmanager
    def survey(self, partner: PartnerFile) -> Iterator[MemorySurvey]:
        """Ask about many windows."""
        yield MemorySurvey(list(self.trades))


class MemorySnapshot:
    """One frozen list of trades."""

    query_text = "trades in memory"

    def __init__(self, trades: list[TradeRow]) -> None:
        self.rows = trades

    def check(self) -> None:
        """Nothing is wrong with single trades here."""

    def trade_count(self) -> int:
        """Number of trades."""
        return len(self.rows)

    def watermark(self) -> datetime | None:
        """Newest recording of the window."""
        return max((each.recorded_at for each in self.rows), default=None)

    def newest_executed_at(self) -> datetime | None:
        """Newest execution of the window."""
        return max((each.executed_at for each in self.rows), default=None)

    def trade_count_until(self, watermark: datetime) -> int:
        """Number of trades recorded up to the watermark."""
        return sum(each.recorded_at <= watermark for each in self.rows)

    def net_positions(self) -> Iterator[Line]:
        """Clients' net positions."""
        return iter(as_lines(net_of(self.rows)))

    def net_positions_until(self, watermark: datetime) -> Iterator[Line]:
        """Clients' net positions over the trades recorded up to the watermark."""
        early = [each for each in self.rows if each.recorded_at <= watermark]
        return iter(as_lines(net_of(early)))

    def house_positions(self) -> dict[str, int]:
        """The house's own side."""
        sums: dict[str, int] = {}
        for each in self.rows:
            for currency in each.currencies:
                sums[currency] = sums.get(currency, 0) + each.effect_on("house", currency)
            for currency, fee in (
                (each.buyer_fee_currency, each.buyer_fee),
                (each.seller_fee_currency, each.seller_fee),
            ):
                sums[currency] = sums.get(currency, 0) + fee
        return sums

    def trades_behind(self, connection_id: str, currency: str) -> Iterator[TradeRow]:
        """Trades that move one position."""
        return (each for each in self.rows if each.effect_on(connection_id, currency))

    def trades_recorded_after(self, watermark: datetime) -> Iterator[TradeRow]:
        """Late trades."""
        return (each for each in self.rows if each.recorded_at > watermark)

    def trades(self) -> Iterator[TradeRow]:
        """All trades, in the order of their recording."""
        return iter(sorted(self.rows, key=lambda each: (each.recorded_at, each.trade_id)))

    def trade_ids(self) -> Iterator[TradeIds]:
        """The ids in groups that share all but the last two characters."""
        ids = sorted(each.trade_id for each in self.rows)
        for beginning, group in groupby(ids, key=lambda trade_id: trade_id[:-2]):
            alike = list(group)
            yield TradeIds(
                beginning,
                b"".join(hash_of(each).to_bytes(8) for each in alike),
                "\n".join(each.removeprefix(beginning) for each in alike),
            )


def net_of(trades: Sequence[TradeRow]) -> dict[PositionKey, int]:
    """Clients' net positions over trades, zeros left out."""
    sums: dict[PositionKey, int] = {}
    for each in trades:
        for connection in (each.buyer_connection_id, each.seller_connection_id):
            if connection is None or connection == "house":
                continue
            for currency in each.currencies:
                key = PositionKey(connection, currency)
                sums[key] = sums.get(key, 0) + each.effect_on(connection, currency)
    return {key: amount for key, amount in sums.items() if amount}
