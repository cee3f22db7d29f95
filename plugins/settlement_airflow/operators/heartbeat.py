"""A sign of life for a monitor outside Airflow: it alarms when the sign stays away."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import requests
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException

from settlement_airflow.hooks.target import is_loopback
from settlement_airflow.operators.watch import watch_results

HEARTBEAT_URL = "SETTLEMENT_HEARTBEAT_URL"
TIMEOUT_S = 10


class HeartbeatOperator(BaseOperator):
    """Calls SETTLEMENT_HEARTBEAT_URL once every partner was checked, whatever was found.

    A call that fails is a warning: the monitor misses it and says so.

    :param partners: whom watch_partner was mapped over (templated)
    :param watch: task id of watch_partner
    """

    template_fields = ("partners",)

    def __init__(self, *, partners: Any, watch: str, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", type(self).__doc__)
        super().__init__(**kwargs)
        self.partners = partners
        self.watch = watch

    def execute(self, context: Context) -> None:
        """Call it, or say why not."""
        url = os.environ.get(HEARTBEAT_URL, "").strip()
        if not url:
            raise AirflowSkipException(f"{HEARTBEAT_URL} is not set")
        if self.partners is None or None in watch_results(context, self.watch, self.partners):
            raise AirflowSkipException("not every partner was checked: no sign of life")
        problem = call(url)
        if problem:
            self.log.warning("The heartbeat was not heard: %s", problem)


def call(url: str) -> str | None:
    """GET the URL; in one sentence what went wrong, without the URL's path, which may be secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return f"{HEARTBEAT_URL} is not a URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return f"{HEARTBEAT_URL} must be https, or http to this machine"
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(host)
            answer = session.get(url, timeout=TIMEOUT_S, allow_redirects=False, stream=True)
    except (requests.RequestException, OSError) as error:
        return f"no answer from {host} ({type(error).__name__})"
    return None if answer.ok else f"{host} answers HTTP {answer.status_code}"
