"""The submit task at the partner's rate limit: its operator, hook and ledger, over TLS.

Only calls that leave the machine are paced. So the sandbox, in a process of its own, is reached at
an address that is not loopback, with a certificate made for it; it refuses what is above the limit.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from time import sleep

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from real_airflow import allow_many_requests
from sandbox_process import EVERY_ADDRESS, command
from sqlalchemy import select

from partner_sandbox.demo_world import DEMO_TOKEN, DEMO_XPRV
from settlement.config.partner_file import load_partner
from settlement.ledger.database import Ledger
from settlement.ledger.schema import attempt
from settlement.partner.exchange import Answer
from settlement.signing.signer import LocalSigner
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.desk import Desk
from settlement.steps.sign import sign_requests
from settlement.values import Actor
from settlement_airflow.connections import open_warehouse
from settlement_airflow.dag_parts import WHOLE_POOL
from settlement_airflow.hooks.partner_api import PartnerApiHook
from settlement_airflow.hooks.wire import send
from settlement_airflow.operators.base import Work
from settlement_airflow.operators.submit import SubmitRequestsOperator
from settlement_airflow.up.place import Place, free_port, prepare

REQUESTS_PER_MINUTE = 360
TRADES = 20_000
CLIENTS = 200
"""Twice as many requests: more than a minute's, so that the limit has to be kept."""
ACTOR = Actor("bench")
ELSEWHERE = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy")


@dataclass(frozen=True)
class Paced:
    """What the sandbox let through; `seconds` from the start of the first to that of the last."""

    requests: int
    seconds: float
    too_many: int

    @property
    def per_minute(self) -> float:
        """Requests a minute."""
        return 60 * (self.requests - 1) / self.seconds


class UnpacedHook(PartnerApiHook):
    """For what comes before the measurement."""

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """The same exchange, at once."""
        return send(self._target, method, path, deadline_s=60, query=query, content=content)


def submit_paced(folder: Path) -> Paced:
    """Submit a day's requests. Changes this process's environment."""
    logging.disable(logging.WARNING)
    folder.mkdir()
    certificate, port = folder / "sandbox.pem", free_port(0)
    _write_certificate(certificate)
    place = prepare(folder, port, days=1, trades=TRADES, clients=CLIENTS, max_connections=1)
    allow_many_requests(place)
    url = f"https://{EVERY_ADDRESS}:{port}"
    _use(place, url, certificate)
    ledger = Ledger.connect(place.server.url("settlement_ledger"))
    with _sandbox(url, command(port, CLIENTS, certificate), certificate):
        (day,) = place.days
        external_ids = _signed(ledger, day)
        _limit_requests(url, certificate)
        operator = SubmitRequestsOperator(
            task_id="submit_requests",
            partner="demo",
            external_ids=external_ids,
            pool_slots=WHOLE_POOL,
        )
        states = operator.step(Work(load_partner("demo"), day, ACTOR), {})
    assert set(states.values()) == {"completed"}
    found = _attempts(ledger)
    ledger.engine.dispose()
    place.server.stop()
    return found


def _use(place: Place, url: str, certificate: Path) -> None:
    """Let the partner be at this address for whatever reads an Airflow connection."""
    connection = {
        "conn_type": "bitgo_network",
        "host": url,
        "password": DEMO_TOKEN,
        "extra": {"verify": str(certificate)},
    }
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ.update(place.environment)
    os.environ["AIRFLOW_CONN_PARTNER_API"] = json.dumps(connection)


@contextmanager
def _sandbox(url: str, serve: list[str], certificate: Path) -> Iterator[None]:
    process = subprocess.Popen(serve)
    try:
        while True:
            try:
                requests.get(f"{url}/_control/health", verify=str(certificate), timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, "the sandbox has ended"
                sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def _signed(ledger: Ledger, day: date) -> list[str]:
    partner = load_partner("demo")
    warehouse = open_warehouse(partner.warehouse_conn_id)
    api = UnpacedHook(partner.api_conn_id)
    desk = Desk(ledger, partner, lambda: api, ACTOR)
    computed = compute_net_positions(desk, warehouse, day)
    build_requests(desk, day, computed.generation)
    return sign_requests(desk, LocalSigner.from_xprv(DEMO_XPRV), day)


def _limit_requests(url: str, certificate: Path) -> None:
    limit = {"requests_per_minute": REQUESTS_PER_MINUTE}
    changed = requests.post(
        f"{url}/_control/settings", json=limit, verify=str(certificate), timeout=5
    )
    changed.raise_for_status()


def _attempts(ledger: Ledger) -> Paced:
    query = select(attempt.c.started_at, attempt.c.status).where(attempt.c.kind == "submit")
    with ledger.transaction() as tx:
        rows = tx.execute(query.order_by(attempt.c.id)).all()
    seconds = (rows[-1].started_at - rows[0].started_at).total_seconds()
    too_many = sum(row.status == requests.codes.too_many_requests for row in rows)
    return Paced(len(rows), seconds, too_many)


def _write_certificate(path: Path) -> None:
    """A key and a certificate of its own for the sandbox's address, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(EVERY_ADDRESS))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
