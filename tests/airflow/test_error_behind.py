"""What Airflow is handed of an error still is that error: nobody reads it out of the text."""

from __future__ import annotations

import pytest

from settlement.errors import ConfigurationError, OutcomeUnknownError, SettlementError
from settlement_airflow.operators.base import airflow_errors, error_behind


@pytest.mark.parametrize("error", [ConfigurationError("wrong"), OutcomeUnknownError("silence")])
def test_the_error_is_behind_what_airflow_gets(error: SettlementError) -> None:
    """Behind a terminal failure, which shows no context; a retryable one is itself."""
    with pytest.raises(Exception, match=error.message) as caught, airflow_errors():
        raise error
    assert error_behind(caught.value) is error
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("failure", [None, "ended", MemoryError()])
def test_nothing_of_ours_is_behind_anything_else(failure: object) -> None:
    """Airflow may hand over no error at all, or one that nobody expected."""
    assert error_behind(failure) is None
