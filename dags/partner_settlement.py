"""One Airflow DAG per partner file: settle_<partner> settles one business date a run.

Wiring only. What a task does is in settlement_airflow.operators, why it is safe in the ledger.
"""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Label, TriggerRule

from settlement.config.partner_file import PartnerFile, load_partners
from settlement_airflow import dag_parts
from settlement_airflow.operators import ask, base
from settlement_airflow.operators.conclude import (
    BranchOnResponseOperator,
    ReconcileConflictsOperator,
    VerifySettledOperator,
)
from settlement_airflow.operators.prepare import (
    BuildRequestsOperator,
    ComputeNetPositionsOperator,
    SignRequestsOperator,
)
from settlement_airflow.operators.submit import SubmitRequestsOperator
from settlement_airflow.operators.wait import AwaitSettlementOperator, WaitForTradesOperator


def settle_dag(partner: PartnerFile) -> DAG:
    """The DAG of one partner."""
    name, pool = partner.name, dag_parts.POOL
    with DAG(
        dag_parts.dag_id_of(name),
        schedule=dag_parts.at_every_cut_off(partner),
        start_date=dag_parts.just_before_first_cut_off(partner),
        catchup=True,
        max_active_runs=dag_parts.RUNS_AT_A_TIME,
        default_args=dag_parts.SETTLING,
        params=dag_parts.date_form(),
        tags=[*dag_parts.TAGS, name],
        description=f"Settles the net trading of {name}, one business date a run",
        doc_md=dag_parts.runbook("partner_settlement"),
    ) as dag:
        with dag_parts.group("prepare"):
            wait = WaitForTradesOperator(task_id="wait_for_trades", partner=name)
            compute = ComputeNetPositionsOperator(task_id="compute_net_positions", partner=name)
            build = BuildRequestsOperator(
                task_id="build_requests", partner=name, computed=compute.output, pool=pool
            )
        with dag_parts.group("approval"):
            request_approval = ask.RequestApprovalOperator(task_id="request_approval", partner=name)
            await_approval = ask.AwaitApprovalOperator(
                task_id="await_approval",
                partner=name,
                trigger_rule=TriggerRule.NONE_FAILED,  # skipped: there is nothing to ask for
            )
        with dag_parts.group("send"):
            sign = SignRequestsOperator(
                task_id="sign_requests",
                partner=name,
                trigger_rule=TriggerRule.NONE_FAILED,  # skipped: nothing had to be approved
            )
            submit = SubmitRequestsOperator.partial(
                task_id="submit_requests",
                partner=name,
                **dag_parts.SENDING,
                map_index_template="{{ task.slice_name }}",
                doc_md=SubmitRequestsOperator.__doc__,
            ).expand(external_ids=sign.output)
        branch = BranchOnResponseOperator(
            task_id="branch_on_response",
            partner=name,
            handed_over=sign.output,
            sign_task_id="sign_requests",
            trigger_rule=TriggerRule.ALL_DONE,
        )
        settled = EmptyOperator(task_id="settled")
        nothing_to_settle = EmptyOperator(task_id="nothing_to_settle")
        reconcile = ReconcileConflictsOperator(
            task_id="reconcile_conflicts", partner=name, pool=pool
        )
        wait_for_partner = AwaitSettlementOperator(
            task_id="await_settlement",
            partner=name,
            pool=pool,
            trigger_rule=TriggerRule.ALL_DONE,  # what reconciliation finds pending is awaited too
        )
        with dag_parts.group("people"):
            questions = ask.QuestionsForPeopleOperator(
                task_id="questions_for_people", partner=name, trigger_rule=TriggerRule.ALL_DONE
            )
            ask_people = ask.AskPeopleOperator.partial(
                task_id="ask_people",
                map_index_template="{{ task.trigger_run_id }}",
                doc_md=ask.AskPeopleOperator.__doc__,
            ).expand_kwargs(questions.output)
        verify = VerifySettledOperator(
            task_id=base.GATE,
            partner=name,
            asset=dag_parts.settled_asset(name),
            pool=pool,
            trigger_rule=TriggerRule.ALL_DONE,
        )

        wait >> compute >> build >> request_approval >> await_approval >> sign >> submit >> branch
        branch >> Label("200") >> settled
        branch >> Label("nothing") >> nothing_to_settle
        branch >> Label("409") >> reconcile >> Label("pending after all") >> wait_for_partner
        branch >> Label("pending") >> wait_for_partner
        # Never below the branch: what it does not follow is skipped, and a skipped leaf is green.
        [settled, nothing_to_settle, wait_for_partner] >> questions
        ask_people >> verify
    return dag


for partner_name, partner_file in load_partners().items():
    globals()[dag_parts.dag_id_of(partner_name)] = (
        settle_dag(partner_file)
        if isinstance(partner_file, PartnerFile)
        else dag_parts.broken_dag(partner_name, partner_file)
    )
