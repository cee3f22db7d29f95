"""A server of doomed processes: Airflow is imported once, each run gets a process of its own.

`python -m crash.doomed_run` reads one order a line from its standard input, as JSON. It answers on
its standard output: `child <pid>`, then what the child tells of its moments, at last
`ended <exit code>`; the code of a killed child is negative.

The first order is a rehearsal, obeyed by the server itself: each child then starts with what
Airflow builds once a process, for seconds, and does nothing but what the command does.
"""

# ruff: noqa: PLC0415 - Airflow is imported by the command, when its settings are made

from __future__ import annotations

import gc
import json
import os
import sys
import time
from datetime import timedelta
from typing import TypedDict

LONGEST_PAUSE_S = 0.05
"""The loop of `dag.test` looks for work once a second, to spare a database that others use."""
EXCHANGE_DEADLINE_S = 2.0
GRACE = timedelta(seconds=1)
"""Two hours for what stays pending: no cell waits that long."""


class Order(TypedDict):
    """One call of the command `settlement`; `stop_at` is the moment to be killed at, if any."""

    arguments: list[str]
    environment: dict[str, str]
    stop_at: str | None
    output: str


def main() -> None:
    """Rehearse, then obey until the end of the orders."""
    answers = os.dup(1)

    def tell(line: str) -> None:
        os.write(answers, f"{line}\n".encode())

    rehearse(json.loads(sys.stdin.readline()))
    tell("ready")
    for line in sys.stdin:
        order: Order = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            tell(f"child {os.getpid()}")
            from crash.moments import Moments

            Moments(tell, order["stop_at"]).watch()
            os._exit(run(order))
        _, status = os.waitpid(child, 0)
        tell(f"ended {os.waitstatus_to_exitcode(status)}")


def run(order: Order) -> int:
    """The command, as its entry point starts it; its exit code."""
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for target in (1, 2):
        os.dup2(output, target)
    os.environ.update(order["environment"])
    from settlement_airflow.cli import main as settlement

    sys.argv = ["settlement", *order["arguments"]]
    try:
        settlement()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def rehearse(order: Order) -> None:
    """Import what a run needs, build what is built once, and shorten what it waits for."""
    before = dict(os.environ)
    if code := run(order):
        sys.exit(f"the rehearsal ended with {code}: see {order['output']}")
    os.environ.clear()
    os.environ.update(before)
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    from airflow import settings
    from settlement.steps import reconcile
    from settlement_airflow.cli import private_airflow
    from settlement_airflow.hooks import partner_api

    settings.dispose_orm()
    rehearsed = in_process_api_server().transport

    def begin_anew() -> None:
        """What the import of Airflow does in a process where it is not imported yet.

        The thread that served the rehearsal is not there after a fork: another one is started.
        """
        settings.configure_vars()
        settings.configure_orm()
        if in_process_api_server().transport is rehearsed:
            del in_process_api_server().transport

    private_airflow._import_airflow = begin_anew
    partner_api.EXCHANGE_DEADLINE_S = EXCHANGE_DEADLINE_S
    reconcile.GRACE = GRACE
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(seconds, LONGEST_PAUSE_S))
    gc.freeze()  # no child looks through what they all share


if __name__ == "__main__":
    main()
