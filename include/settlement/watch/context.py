"""What every check of the watch gets: one partner, and the ways to ask about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

from settlement.config.partner_file import PartnerFile
from settlement.ledger.database import Ledger
from settlement.partner.exchange import PartnerApi
from settlement.warehouse import Warehouse
from settlement.watch.date_status import DateStatus, read_date_statuses


class AirflowRuns(Protocol):
    """What Airflow says of the runs of the partner's DAG. It proves nothing about money."""

    def succeeded(self, run_ids: Sequence[str]) -> set[str]:
        """Those of the runs that Airflow knows and shows as success."""
        ...

    def dates_at_work(self, partner: PartnerFile) -> set[date]:
        """Business dates of runs that are queued or running and have not read the trades yet."""
        ...

    def waits_for_pool(self) -> str | None:
        """What keeps tasks of the runs from the pool that they need, with the next step, if any."""
        ...


@dataclass(frozen=True)
class WatchContext:
    """One partner and all that is asked about it; `now` is the ledger's clock.

    `thorough`: check everything since the first date, as once a day; else the last weeks.

    Warehouse and API are opened by the check that needs them, so that one that is down blinds no
    other. `runs` is None where there is no Airflow to ask.
    """

    ledger: Ledger
    partner: PartnerFile
    open_warehouse: Callable[[], Warehouse]
    open_api: Callable[[], PartnerApi]
    runs: AirflowRuns | None
    now: datetime
    thorough: bool = True

    @cached_property
    def date_statuses(self) -> list[DateStatus]:
        """Status of all dates, oldest first."""
        return read_date_statuses(self.ledger, self.partner, self.now, thorough=self.thorough)
