"""The settlement DAG with nothing in it: its tasks, dependencies, rules and pools, empty bodies.

What a body hands to Airflow is kept: a result that others are mapped over, or a skip. So the same
tasks run as processes as on a day that settles and asks nobody. The benchmark checks the shape.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseBranchOperator, BaseOperator, Context, TriggerRule
from airflow.sdk.exceptions import AirflowSkipException

POOL, WHOLE_POOL = "partner_api", 2


class Nothing(BaseOperator):
    """Takes what the real task takes and does nothing."""

    template_fields = ("taken",)

    def __init__(self, *, taken: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.taken = taken

    def execute(self, context: Context) -> Any:
        """Nothing."""


class Skip(Nothing):
    """Is skipped by itself."""

    def execute(self, context: Context) -> Any:
        """Skip."""
        raise AirflowSkipException("nothing to do")


class Slices(Nothing):
    """Hands over as many slices as the run is told to."""

    def execute(self, context: Context) -> list[int]:
        """One for each mapped task."""
        return list(range(int(context["dag_run"].conf["slices"])))


class Settled(BaseBranchOperator):
    """Follows the branch of a day that is settled."""

    template_fields = ("taken",)

    def __init__(self, *, taken: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.taken = taken

    def choose_branch(self, context: Context) -> list[str]:
        """To settled."""
        return ["settled"]


with DAG("empty_shape", schedule=None) as dag:
    wait = Nothing(task_id="wait_for_trades")
    compute = Nothing(task_id="compute_net_positions")
    build = Nothing(task_id="build_requests", taken=compute.output, pool=POOL)
    request_approval = Skip(task_id="request_approval")
    await_approval = Skip(task_id="await_approval", trigger_rule=TriggerRule.NONE_FAILED)
    sign = Slices(task_id="sign_requests", trigger_rule=TriggerRule.NONE_FAILED)
    submit = Nothing.partial(task_id="submit_requests", pool=POOL, pool_slots=WHOLE_POOL).expand(
        taken=sign.output
    )
    branch = Settled(
        task_id="branch_on_response", taken=sign.output, trigger_rule=TriggerRule.ALL_DONE
    )
    settled = EmptyOperator(task_id="settled")
    nothing_to_settle = EmptyOperator(task_id="nothing_to_settle")
    reconcile = Nothing(task_id="reconcile_conflicts", pool=POOL)
    wait_for_partner = Skip(
        task_id="await_settlement", pool=POOL, trigger_rule=TriggerRule.ALL_DONE
    )
    questions = Skip(task_id="questions_for_people", trigger_rule=TriggerRule.ALL_DONE)
    ask_people = Nothing.partial(task_id="ask_people").expand_kwargs(questions.output)
    verify = Nothing(task_id="verify_settled", pool=POOL, trigger_rule=TriggerRule.ALL_DONE)

    wait >> compute >> build >> request_approval >> await_approval >> sign >> submit >> branch
    branch >> [settled, nothing_to_settle, reconcile, wait_for_partner]
    reconcile >> wait_for_partner
    [settled, nothing_to_settle, wait_for_partner] >> questions >> ask_people >> verify
