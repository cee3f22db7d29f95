"""Airflow's *Test connection*, for Airflow connections without a port.

The UI of Airflow 3.3.2 sends port 0 for "no port", its API takes that for another destination and
refuses to use the stored password there: the button answers "Bad Request" for every Airflow
connection without a port, ours among them. Later versions compare 0 and nothing as equal
(apache/airflow#73298); then this goes.
"""

from __future__ import annotations

import json

from settlement.strict_json import json_object
from settlement_airflow.request_bodies import RewrittenBodies

TEST_PATH = "/api/v2/connections/test"


class TestsWithoutPort(RewrittenBodies):
    """Middleware of the api-server: in a test of an Airflow connection, port 0 means no port."""

    def concerns(self, method: str, path: str) -> bool:  # noqa: ARG002 - one path, whatever method
        """Only the test of an Airflow connection."""
        return path.endswith(TEST_PATH)

    def rewritten(self, path: str, body: bytes) -> bytes:  # noqa: ARG002
        """Without port 0."""
        return without_port_zero(body)


def without_port_zero(body: bytes) -> bytes:
    """The body with its port 0 replaced by none; any other body as it is."""
    content = json_object(body)
    if content is not None and content.get("port") == 0:
        return json.dumps({**content, "port": None}).encode()
    return body
