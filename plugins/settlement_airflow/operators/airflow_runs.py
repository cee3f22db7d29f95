"""What Airflow says of a partner's runs, asked from inside a task: no proof about money."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from settlement.config.partner_file import PartnerFile, load_partners
from settlement.errors import ConfigurationError
from settlement_airflow.dag_parts import POOL, dag_id_of
from settlement_airflow.hooks.pacer import POOL_SLOTS
from settlement_airflow.run_date import NoBusinessDate, business_date_of

RUNS_PER_QUESTION = 20
UNFINISHED = ("queued", "running")
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
WAIT = "wait_for_trades"
BEFORE_READING = (WAIT, "compute_net_positions")
"""Tasks of a run until its date is in the ledger."""
POOLED = (
    "build_requests",
    "submit_requests",
    "reconcile_conflicts",
    "await_settlement",
    "verify_settled",
)
"""Tasks of a run that need the pool."""
SLOT_GIVEN_WITHIN_S = 20
"""A scheduler that works gives a free slot to a task that is due within seconds."""


class RunsOfPartner:
    """Runs of the partner's DAG.

    :param task_instance: of the task that asks
    """

    def __init__(self, task_instance: Any, partner: str) -> None:
        self._task_instance = task_instance
        self._dag_id = dag_id_of(partner)

    def succeeded(self, run_ids: Sequence[str]) -> set[str]:
        """Those shown as success; runs of `settlement run` are unknown here."""
        found: set[str] = set()
        for start in range(0, len(run_ids), RUNS_PER_QUESTION):
            some = list(run_ids[start : start + RUNS_PER_QUESTION])
            if self._count(("success",), some):
                found |= {each for each in some if self._count(("success",), [each])}
        return found

    def dates_at_work(self, partner: PartnerFile) -> set[date]:
        """Business dates of runs that are queued or running and have not read the trades yet.

        None while the DAG is paused: those runs do not get on.
        """
        if not self._count(UNFINISHED) or self._paused():
            return set()
        states = self._task_instance.get_task_states(
            dag_id=self._dag_id, task_ids=list(BEFORE_READING)
        )
        waiting = [
            run_id for run_id, tasks in states.items() if not ENDED.issuperset(tasks.values())
        ]
        return {day for run_id in waiting if (day := self._date_of(run_id, partner)) is not None}

    def waits_for_pool(self) -> str | None:
        """What keeps tasks from the pool, if they wait for it while nobody occupies it."""
        waiting = self._starving()
        if not waiting or self._paused():
            return None
        time.sleep(SLOT_GIVEN_WITHIN_S)
        if not self._starving():
            return None
        return (
            f"{waiting} task(s) wait for the pool {POOL} while nothing occupies it, so no date of "
            f"this partner is settled: the pool is missing or has fewer than {POOL_SLOTS} slots. "
            f'Next step: `airflow pools set {POOL} {POOL_SLOTS} "Calls of the partner API"`; if it '
            "is as it should be, the executor has no worker for them"
        )

    def _starving(self) -> int:
        """Tasks of the partner that are due and wait, if no run of any partner has a slot."""
        waiting = self._tasks(self._dag_id, ("scheduled",))
        everybody = {self._dag_id, *map(dag_id_of, load_partners())}
        occupied = any(self._tasks(dag_id, UNFINISHED) for dag_id in everybody)
        return 0 if occupied else waiting

    def _tasks(self, dag_id: str, states: Sequence[str]) -> int:
        return int(
            self._task_instance.get_ti_count(
                dag_id=dag_id, task_ids=list(POOLED), states=list(states)
            )
        )

    def _count(self, states: Sequence[str], run_ids: list[str] | None = None) -> int:
        return int(
            self._task_instance.get_dr_count(
                dag_id=self._dag_id, run_ids=run_ids, states=list(states)
            )
        )

    def _paused(self) -> bool:
        return bool(self._task_instance.get_dag(dag_id=self._dag_id).is_paused)

    def _date_of(self, run_id: str, partner: PartnerFile) -> date | None:
        """Business date of a run that is unfinished; None if it has none, or has ended."""
        from airflow.sdk.execution_time.comms import GetDagRun  # noqa: PLC0415 - in a task only
        from airflow.sdk.execution_time.task_runner import (  # noqa: PLC0415
            SUPERVISOR_COMMS,
        )

        run: Any = SUPERVISOR_COMMS.send(GetDagRun(dag_id=self._dag_id, run_id=run_id))
        if run.state not in UNFINISHED:
            return None
        try:
            return business_date_of(
                partner,
                run_type=run.run_type.value,
                logical_date=run.logical_date,
                chosen=(run.conf or {}).get("business_date"),
            )
        except (NoBusinessDate, ConfigurationError):  # the run says so itself
            return None
