"""What is tried again, and after how long; what a slice raises in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from settlement import errors
from settlement_airflow.operators.submit import error_to_raise
from settlement_airflow.retry import FIRST_DELAY, RETRIES, PartnerRetryPolicy
from support.an_error import error_of


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (errors.RefusedError("x"), RetryAction.FAIL, None),
        (error_of(errors.RejectedError), RetryAction.FAIL, None),
        (errors.CredentialsError("x"), RetryAction.FAIL, None),
        (errors.DivergedSlotError("x"), RetryAction.FAIL, None),
        (error_of(errors.StoppedError), RetryAction.FAIL, None),
        (errors.ConfigurationError("x"), RetryAction.FAIL, None),
        (errors.OutcomeUnknownError("x"), RetryAction.RETRY, FIRST_DELAY),
        (error_of(errors.SettlementFailedError), RetryAction.RETRY, FIRST_DELAY),
        (errors.WarehouseBusyError("x"), RetryAction.RETRY, FIRST_DELAY),
        (errors.LedgerUnavailableError("x"), RetryAction.RETRY, FIRST_DELAY),
        (errors.OutcomeUnknownError("x", 0), RetryAction.RETRY, timedelta(0)),
        (errors.OutcomeUnknownError("x", 90), RetryAction.RETRY, timedelta(seconds=90)),
        (errors.OutcomeUnknownError("x", 86_400), RetryAction.RETRY, timedelta(minutes=15)),
        (MemoryError(), RetryAction.RETRY, FIRST_DELAY),
    ],
)
def test_decisions(error: Exception, action: RetryAction, delay: timedelta | None) -> None:
    """Terminal errors fail at once; Retry-After is obeyed up to 15 minutes."""
    decision = PartnerRetryPolicy().evaluate(error, 1, 6)
    assert (decision.action, decision.retry_delay) == (action, delay)


def test_delays_double_and_begin_anew_when_the_task_is_cleared() -> None:
    """Airflow counts tries on over a clear, and adds as many retries as there were."""

    def delays(first_try: int) -> list[timedelta | None]:
        last = first_try + RETRIES
        return [
            PartnerRetryPolicy().evaluate(MemoryError(), number, last - 1).retry_delay
            for number in range(first_try, last)
        ]

    doubled = [FIRST_DELAY * 2**number for number in range(RETRIES)]
    assert delays(first_try=1) == doubled
    assert delays(first_try=RETRIES + 2) == doubled


def test_a_slice_is_retried_while_anything_in_it_may_still_succeed() -> None:
    """The longest Retry-After of the slice is obeyed."""
    raised = error_to_raise(
        [
            error_of(errors.RejectedError),
            errors.OutcomeUnknownError("b"),
            errors.OutcomeUnknownError("c", 60),
            error_of(errors.SettlementFailedError),
        ]
    )
    assert raised.message == "c"


def test_otherwise_a_slice_fails_with_the_worst() -> None:
    """What needs a person's decision goes before what needs a correction."""
    raised = error_to_raise(
        [error_of(errors.StoppedError), errors.RefusedError("b"), errors.DivergedSlotError("c")]
    )
    assert raised.message == "c"
