"""Nothing that a run leaves behind holds a secret: logs, XComs, templates, ledger, error texts."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from partner_sandbox.demo_world import DEMO_TOKEN
from settlement.extended_key import private_key_of
from support.encrypted_key import ENCRYPTED_KEY

pytestmark = pytest.mark.xdist_group("scheduler")

HEX_BYTES = re.compile(r"\\\\x([0-9a-f]+)")


def secrets() -> dict[str, bytes]:
    """Every form in which a secret of this run could show."""
    key = private_key_of(ENCRYPTED_KEY.xprv).secret
    return {
        "token": DEMO_TOKEN.encode(),
        "authorization header": b"Bearer ",
        "xprv": ENCRYPTED_KEY.xprv.encode(),
        "passphrase": ENCRYPTED_KEY.passphrase.encode(),
        "raw key in hex": key.hex().encode(),
        "raw key in base64": base64.b64encode(key),
        "raw key in url-safe base64": base64.urlsafe_b64encode(key).rstrip(b"="),
        "raw key": key,
        "encrypted key": json.loads(ENCRYPTED_KEY.encrypted_xprv)["ct"].encode(),
    }


def rows_of(url) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a database as text; what is stored as bytes is decoded too."""
    engine = create_engine(url)
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for (row,) in connection.execute(text(f'SELECT row_to_json(t)::text FROM "{table}" t')):
                decoded = b"".join(bytes.fromhex(found) for found in HEX_BYTES.findall(row))
                yield f"{url.database}.{table}", row.encode() + decoded
    engine.dispose()


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every log file."""
    for path in sorted(folder.rglob("*.log")):
        yield str(path.relative_to(folder)), path.read_bytes()


@pytest.fixture
def left_behind(airflow) -> list[tuple[str, bytes]]:
    """All that three runs have left, one of them with every error text on the way to a clear."""
    for day in (airflow.completed, airflow.conflict, airflow.lost):
        airflow.rest.finished_run(day)
    return [
        *files_of(airflow.home),
        *rows_of(airflow.metadata),
        *rows_of(airflow.ledger.engine.url),
    ]


def test_the_search_sees_what_is_there(airflow, left_behind) -> None:
    """It reads task logs, component logs, XComs, templates, attempts, events and request bytes."""
    wanted = f"demo-{airflow.lost}-1".encode()
    places = {place for place, content in left_behind if wanted in content}
    tables = {place for place in places if "." in place and "/" not in place}
    assert {
        "airflow.xcom",
        "airflow.rendered_task_instance_fields",
        "settlement_ledger.attempt",
        "settlement_ledger.event",
        "settlement_ledger.body",
    } <= tables
    assert any("task_id=submit_requests" in place for place in places)
    signed = [content for place, content in left_behind if place == "settlement_ledger.body"]
    assert any(b'"signature":"' in content for content in signed)


def test_no_secret_is_left_anywhere(left_behind) -> None:
    """No form of token, key or passphrase, in no file and no row."""
    found = [
        (name, place)
        for name, secret in secrets().items()
        for place, content in left_behind
        if secret in content
    ]
    assert found == []
