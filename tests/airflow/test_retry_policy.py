"""What is tried again, and after how long; what a slice raises in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.sdk.definitions.retry_policy import RetryAction

from settlement import errors
from settlement_airflow.operators.submit import error_to_raise
from settlement_airflow.retry import PartnerRetryPolicy


@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (errors.RefusedError("x"), RetryAction.FAIL, None),
        (errors.RejectedError("x"), RetryAction.FAIL, None),
        (errors.CredentialsError("x"), RetryAction.FAIL, None),
        (errors.DivergedSlotError("x"), RetryAction.FAIL, None),
        (errors.StoppedError("x"), RetryAction.FAIL, None),
        (errors.ConfigurationError("x"), RetryAction.FAIL, None),
        (errors.OutcomeUnknownError("x"), RetryAction.DEFAULT, None),
        (errors.SettlementFailedError("x"), RetryAction.DEFAULT, None),
        (errors.WarehouseBusyError("x"), RetryAction.DEFAULT, None),
        (errors.LedgerUnavailableError("x"), RetryAction.DEFAULT, None),
        (errors.OutcomeUnknownError("x", 0), RetryAction.RETRY, timedelta(0)),
        (errors.OutcomeUnknownError("x", 90), RetryAction.RETRY, timedelta(seconds=90)),
        (errors.OutcomeUnknownError("x", 86_400), RetryAction.RETRY, timedelta(minutes=15)),
        (MemoryError(), RetryAction.DEFAULT, None),
    ],
)
def test_decisions(error: Exception, action: RetryAction, delay: timedelta | None) -> None:
    """Terminal errors fail at once; Retry-After is obeyed up to 15 minutes."""
    decision = PartnerRetryPolicy().evaluate(error, 1, 6)
    assert (decision.action, decision.retry_delay) == (action, delay)


def test_a_slice_is_retried_while_anything_in_it_may_still_succeed() -> None:
    """The longest Retry-After of the slice is obeyed."""
    raised = error_to_raise(
        [
            errors.RejectedError("a"),
            errors.OutcomeUnknownError("b"),
            errors.OutcomeUnknownError("c", 60),
            errors.SettlementFailedError("d"),
        ]
    )
    assert raised.message == "c"


def test_otherwise_a_slice_fails_with_the_worst() -> None:
    """What needs a person's decision goes before what needs a correction."""
    raised = error_to_raise(
        [errors.StoppedError("a"), errors.RefusedError("b"), errors.DivergedSlotError("c")]
    )
    assert raised.message == "c"
