"""The end of the session: stopping leaves nothing behind."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.xdist_group("scheduler")


def test_stopping_leaves_no_process_behind(airflow) -> None:
    """After a stop no process group of a component is left."""
    groups = [process.pid for process in airflow.stack.processes.values()]
    assert len(groups) == 4
    airflow.stack.stop()
    for group in groups:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
