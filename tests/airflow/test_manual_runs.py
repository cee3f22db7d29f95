"""What the api-server makes of the start of a manual run, around a small application."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from settlement_airflow.manual_runs import ManualRuns
from support.airflow_day import PARTNER_FILE

RUNS = "/api/v2/dags/settle_demo/dagRuns"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """An application that answers with the body that reached it; one partner."""
    more = 'calendar = "weekdays"'
    text = PARTNER_FILE.format(more=more, timezone="America/New_York", cut_off="17:00")
    (tmp_path / "demo.toml").write_text(text)
    monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(tmp_path))
    app = FastAPI()

    @app.post("/{path:path}")
    async def echo(request: Request) -> str:
        body = await request.body()
        assert len(body) == int(request.headers["content-length"])
        return body.decode()

    app.add_middleware(ManualRuns)
    return TestClient(app)


def arrives(client: TestClient, content: dict[str, Any], path: str = RUNS) -> dict[str, Any]:
    """What Airflow gets."""
    found: dict[str, Any] = json.loads(client.post(path, json=content).json())
    return found


@pytest.mark.parametrize(
    ("content", "day"),
    [
        ({"logical_date": None, "conf": {"business_date": "2026-03-02"}}, "2026-03-02"),
        (
            {"logical_date": "2026-05-01T13:37:00Z", "conf": {"business_date": "2026-03-02"}},
            "2026-03-02",
        ),
        ({"logical_date": "2026-03-03T22:00:00Z"}, "2026-03-03"),
        ({"logical_date": "2026-03-03T22:00:00Z", "conf": {}, "dag_run_id": ""}, "2026-03-03"),
    ],
)
def test_a_manual_run_is_named_after_its_date(
    client: TestClient, content: dict[str, Any], day: str
) -> None:
    """The date of its form, or of its cut-off; nothing else of the request changes."""
    arrived = arrives(client, content)
    assert re.fullmatch(rf"manual__{day}__{MOMENT}", arrived.pop("dag_run_id"))
    assert arrived == {key: value for key, value in content.items() if key != "dag_run_id"}


@pytest.mark.parametrize(
    "content",
    [
        {"logical_date": None, "conf": {"business_date": "2026-03-02"}, "dag_run_id": "mine"},
        {"logical_date": None, "conf": {}},
        {"logical_date": None, "conf": {"business_date": "the second"}},
        {"logical_date": "2026-03-04T00:00:00Z"},
        {"logical_date": "2026-03-07T22:00:00Z"},
        {"logical_date": "tomorrow", "conf": "none"},
    ],
)
def test_what_has_a_name_or_no_date_is_left_as_it_is(
    client: TestClient, content: dict[str, Any]
) -> None:
    """The run itself says what is wrong with its date."""
    assert arrives(client, content) == content


def test_a_logical_date_before_the_first_cut_off_is_left_out(client: TestClient) -> None:
    """Airflow would make no task for it, and the run would be green: its form names a date."""
    content = {"logical_date": "2020-01-01T00:00:00Z", "conf": {"business_date": "2026-03-03"}}
    arrived = arrives(client, content)
    assert arrived.pop("dag_run_id").startswith("manual__2026-03-03__")
    assert arrived == content | {"logical_date": None}
    bare = {"logical_date": "2026-03-02T21:59:00Z", "dag_run_id": "mine"}
    assert arrives(client, bare) == bare | {"logical_date": None}


@pytest.mark.parametrize(
    "path", ["/api/v2/dags/settlement_watch/dagRuns", f"{RUNS}/r1/clear", "/api/v2/dags"]
)
def test_other_requests_arrive_as_they_are(client: TestClient, path: str) -> None:
    """Only the start of a run of a partner's DAG is looked at."""
    content = {"logical_date": None, "conf": {"business_date": "2026-03-02"}}
    assert arrives(client, content, path) == content


@pytest.mark.parametrize("body", [b"no JSON", b"[0]", b""])
def test_what_cannot_be_read_is_airflows_to_refuse(client: TestClient, body: bytes) -> None:
    """Byte for byte."""
    assert client.post(RUNS, content=body).json() == body.decode()
