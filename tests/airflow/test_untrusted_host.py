"""A certificate that is not trusted, against real TLS: said at once, and nothing was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException
from sqlalchemy import select

from settlement.config.partner_file import load_partner
from settlement.errors import ConfigurationError, UntrustedHostError
from settlement.ledger.schema import attempt
from settlement.steps.build import build_requests
from settlement.steps.compute import compute_net_positions
from settlement.steps.sign import sign_requests
from settlement.steps.submit import submit_request
from settlement_airflow.connections import open_partner_api, open_warehouse
from settlement_airflow.hooks.partner_api import PartnerApiHook
from settlement_airflow.operators.base import airflow_errors
from settlement_airflow.signers import open_signer
from support.airflow_day import AirflowDay
from support.certificates import self_signed, tls_server
from support.day import DAY, desk_of

TOKEN = "secret-token-0123456789"
PATH = "/api/network/v1/enterprises/e/partners/settlements"
Connect = Callable[..., PartnerApiHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Point an Airflow connection at a server, with or without a CA bundle."""

    def connect(url: str, verify: Path | None = None) -> PartnerApiHook:
        extra = {"verify": str(verify)} if verify else {}
        fields = {"conn_type": "bitgo_network", "host": url, "password": TOKEN, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_TLS_PARTNER", json.dumps(fields))
        return PartnerApiHook("tls_partner")

    return connect


def test_a_certificate_that_nobody_trusts_is_named(tmp_path: Path, connect: Connect) -> None:
    """Host, reason and the extra that would mend it; and no request has reached the host."""
    with tls_server(self_signed(tmp_path)) as server:
        with pytest.raises(UntrustedHostError) as caught:
            connect(server.url).exchange("POST", PATH, content=b"{}")
        said = caught.value.message
        for part in (server.url, "self-signed certificate", '"verify"', "tls_partner"):
            assert part in said
        assert server.requests == []
        assert TOKEN not in said
        assert caught.value.__context__ is None
        assert connect(server.url).test_connection() == (False, said)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"host": "app.bitgo.example"}, "IP address mismatch"),
        ({"expired": True}, "certificate has expired"),
    ],
)
def test_a_certificate_of_another_host_is_named(
    tmp_path: Path, connect: Connect, changes: dict[str, object], says: str
) -> None:
    """Its authority is trusted, but it is for somebody else, or too old."""
    certificate = self_signed(tmp_path, **changes)
    with tls_server(certificate) as server:
        with pytest.raises(UntrustedHostError, match=says):
            connect(server.url, certificate).exchange("POST", PATH, content=b"{}")
        assert server.requests == []


def test_the_bundle_that_the_connection_names_is_what_counts(
    tmp_path: Path, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the environment names another one."""
    certificate, another = self_signed(tmp_path), self_signed(tmp_path, "another.example")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(another))
    monkeypatch.setattr("settlement_airflow.hooks.target.is_loopback", lambda _: False)
    with tls_server(certificate) as server:
        assert connect(server.url, certificate).exchange("GET", PATH).status == 200
        with pytest.raises(UntrustedHostError):
            connect(server.url).exchange("GET", PATH)


def test_a_bundle_that_does_not_exist_is_named(tmp_path: Path, connect: Connect) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigurationError, match=r"missing\.pem, which does not exist"):
        connect("https://127.0.0.1:9", tmp_path / "missing.pem").exchange("GET", PATH)


class Elsewhere:
    """The partner's name leads to another machine now."""

    def __init__(self, hook: PartnerApiHook, base_url: str) -> None:
        self.base_url = base_url
        self.exchange = hook.exchange


def test_a_request_is_prepared_after_it_and_its_task_fails_at_once(
    day: AirflowDay, tmp_path: Path, connect: Connect
) -> None:
    """No retries are burnt, nothing is unknown, and the right host settles the date."""
    partner = load_partner("demo")
    api, warehouse = open_partner_api(partner.api_conn_id), open_warehouse("warehouse")
    desk = desk_of(day.ledger, api, partner)
    computed = compute_net_positions(desk, warehouse, DAY)
    build_requests(desk, DAY, computed.generation)
    (name,) = sign_requests(desk, open_signer(partner.signing_conn_id), DAY)
    with tls_server(self_signed(tmp_path)) as server:
        elsewhere = Elsewhere(connect(server.url), api.base_url)
        with pytest.raises(UntrustedHostError) as caught:
            submit_request(desk_of(day.ledger, elsewhere, partner), name)
        assert server.requests == []
    assert day.states() == {name: "prepared"}
    with pytest.raises(AirflowFailException, match="untrusted-host"), airflow_errors():
        raise caught.value
    with day.ledger.transaction() as tx:
        row = tx.execute(select(attempt).where(attempt.c.kind == "submit")).one()
    assert row.never_sent
    assert row.error.startswith("the certificate of https://127.0.0.1")
    submit_request(desk, name)
    assert day.states() == {name: "completed"}
    assert day.booked() == day.owed()
