"""The middleware that lets *Test connection* work without a port, around a small application."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from settlement_airflow.connection_test import TEST_PATH, TestsWithoutPort


@pytest.fixture
def client() -> TestClient:
    """An application that answers with the body that reached it."""
    app = FastAPI()

    @app.post("/{path:path}")
    async def echo(request: Request) -> str:
        body = await request.body()
        assert len(body) == int(request.headers["content-length"])
        return body.decode()

    app.add_middleware(TestsWithoutPort)
    return TestClient(app)


@pytest.mark.parametrize(("port", "arrives"), [(0, None), (443, 443), (None, None)])
def test_port_zero_is_no_port(client: TestClient, port: int | None, arrives: int | None) -> None:
    """Any other port stays what it is, and so does the rest of the body."""
    body = {"connection_id": "c", "password": "***", "port": port}
    arrived = json.loads(client.post(TEST_PATH, json=body).json())
    assert arrived == body | {"port": arrives}


@pytest.mark.parametrize("body", [b'{"port": 0}', b'{"port":  443}', b"[0]", b"no JSON", b""])
def test_other_bodies_and_other_paths_arrive_as_they_are(client: TestClient, body: bytes) -> None:
    """Byte for byte."""
    assert client.post("/api/v2/connections", content=body).json() == body.decode()
    if body != b'{"port": 0}':
        assert client.post(TEST_PATH, content=body).json() == body.decode()
