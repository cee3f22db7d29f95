"""The trades behind an amount, as a worker has read them on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from settlement.amounts import parse_base_units
from settlement.values import PositionKey
from settlement_airflow.operators.explain import TRADES_A_PAGE

EXPLAIN_DAG = "settlement_explain"
RUNS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One trade: what it moves, and the sum up to it of what counts; base units."""

    trade_id: str
    executed_at: str
    recorded_at: str
    effect: int
    counts: bool
    left_out: bool
    sum_so_far: int


@dataclass(frozen=True, slots=True)
class Explained:
    """What a worker read. `amount` is the net position, `total` what its trades add up to now."""

    at: datetime
    run_id: str
    amount: int
    total: int
    trade_count: int
    page: int
    query: str
    trades: tuple[TradeLine, ...]

    @property
    def has_more(self) -> bool:
        """Whether there is a page behind this one."""
        return (self.page + 1) * TRADES_A_PAGE < self.trade_count


def explained(external_id: str, key: PositionKey, page: int) -> Explained | None:
    """The newest reading of this page of trades, among the last runs; None if there is none."""
    wanted = {"external_id": external_id, "connection_id": key[0], "currency": key[1]}
    query = (
        select(DagRun, XComModel)
        .join(XComModel, (XComModel.dag_id == DagRun.dag_id) & (XComModel.run_id == DagRun.run_id))
        .where(DagRun.dag_id == EXPLAIN_DAG, XComModel.key == "return_value")
        .order_by(DagRun.run_after.desc())
        .limit(RUNS_LOOKED_AT)
    )
    with create_session(scoped=False) as session:
        for run, said in session.execute(query):
            conf = run.conf or {}
            same = all(conf.get(name) == value for name, value in wanted.items())
            if same and said.value["page"] == page:
                return _read(run.run_id, said.timestamp, said.value)
    return None


def _read(run_id: str, at: datetime, said: Mapping[str, Any]) -> Explained:
    return Explained(
        at,
        run_id,
        parse_base_units(said["amount"]),
        parse_base_units(said["sum_of_trades"]),
        said["trade_count"],
        said["page"],
        said["query"],
        tuple(_lines(said["trades"])),
    )


def _lines(trades: list[dict[str, Any]]) -> Iterator[TradeLine]:
    effects = [parse_base_units(each["effect"]) for each in trades]
    counted = (
        effect if each["in_snapshot"] else 0 for effect, each in zip(effects, trades, strict=True)
    )
    for each, effect, so_far in zip(trades, effects, accumulate(counted), strict=True):
        yield TradeLine(
            each["trade_id"],
            each["executed_at"],
            each["recorded_at"],
            effect,
            each["in_snapshot"],
            each["left_out"],
            so_far,
        )
