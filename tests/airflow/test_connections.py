"""From Airflow connections to ledger, warehouse and signer; their forms in the UI."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from airflow.api_fastapi.core_api.datamodels.connections import ConnectionResponse
from airflow.providers_manager import ProvidersManager
from airflow.sdk.execution_time import supervisor
from coincurve import PrivateKey
from cryptography.fernet import InvalidToken

from partner_sandbox.demo_world import DEMO_PUBLIC_KEY, DEMO_XPRV
from settlement.errors import (
    ConfigurationError,
    LedgerVersionError,
    SigningKeyError,
    WarehouseError,
)
from settlement.ledger.install.embedded import EmbeddedServer
from settlement.signing.signer import LocalSigner, key_id_of, signer_of
from settlement.values import Window
from settlement_airflow.airflow_connection import connection_named
from settlement_airflow.cli.stand_ins import is_given
from settlement_airflow.connections import (
    open_warehouse,
    opened_ledger,
    postgres_url,
)
from settlement_airflow.hooks.signing_key import SigningKeyHook
from settlement_airflow.provider import get_provider_info
from settlement_airflow.signers import open_signer
from support.day import demo_partner

NOW = datetime(2026, 3, 6, tzinfo=UTC)

VECTORS = Path(__file__).parents[1] / "vectors"
Define = Callable[..., str]
TRADES = """
CREATE TABLE trades (
    partner text, trade_id text, executed_at timestamptz, recorded_at timestamptz,
    buyer_connection_id text, seller_connection_id text, base_currency text, quote_currency text,
    base_quantity numeric, quote_quantity numeric, buyer_fee numeric, seller_fee numeric
)
"""


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Define:
    """Define an Airflow connection; returns its id."""

    def define(conn_type: str, **fields: object) -> str:
        value = json.dumps({"conn_type": conn_type, **fields})
        monkeypatch.setenv("AIRFLOW_CONN_UNDER_TEST", value)
        return "under_test"

    return define


def test_the_url_of_a_ledger_over_tcp(define: Define) -> None:
    """TLS settings come from extra by name; other keys of it are left alone."""
    conn_id = define(
        "postgres",
        host="db.example",
        port=5433,
        login="settlement",
        password="p@ss/word",
        schema="ledger",
        extra={"sslmode": "verify-full", "options": "-c search_path=evil"},
    )
    url = postgres_url(conn_id)
    shown = url.render_as_string(hide_password=False)
    assert shown == (
        "postgresql+psycopg://settlement:p%40ss%2Fword@db.example:5433/ledger?sslmode=verify-full"
    )


def test_a_ledger_in_a_socket_folder(define: Define, postgres: EmbeddedServer) -> None:
    """An empty database answers, and is refused for its version."""
    url = postgres.url("empty_ledger")
    conn_id = define("postgres", host=url.query["host"], login=url.username, schema=url.database)
    refused = pytest.raises(LedgerVersionError, match="settlement ledger upgrade")
    with refused, opened_ledger(conn_id):
        raise AssertionError("opened")


class Undecryptable:
    """A source that has the connection, encrypted with a key that was rotated away."""

    def get_connection(self, conn_id: str) -> object:
        """Fails as a decryption does, with a text that nobody may see."""
        raise InvalidToken(f"hunter2 of {conn_id}")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ('{"conn_type": "postgres", "password": "hunter2"', "JSONDecodeError"),
        ('{"conn_type": "postgres", "password": "hunter2", "port": "x"}', "ValueError"),
        ('{"conn_type": "postgres", "password": "hunter2", "user": "u"}', "TypeError"),
        ("postgres://user:hunter2@host:not-a-port/ledger", "ValueError"),
        ("   ", "IndexError"),
    ],
)
def test_a_connection_that_cannot_be_parsed_is_not_absent(
    monkeypatch: pytest.MonkeyPatch, value: str, kind: str
) -> None:
    """Else nobody looks at it, and the command would take a stand-in for it. No secret is shown."""
    monkeypatch.setenv("AIRFLOW_CONN_UNDER_TEST", value)
    for use in (connection_named, is_given):
        says = rf"under_test: cannot be read from EnvironmentVariablesBackend \({kind}\)"
        with pytest.raises(ConfigurationError, match=says) as refused:
            use("under_test")
        assert "hunter2" not in str(refused.value)


def test_a_connection_that_cannot_be_decrypted_is_not_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kind of failure is named, its text is not."""
    monkeypatch.setattr(supervisor, "ensure_secrets_backend_loaded", lambda: [Undecryptable()])
    with pytest.raises(ConfigurationError, match=r"Undecryptable \(InvalidToken\)") as refused:
        connection_named("under_test")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("extra", ["sslmode=verify-full", '{"password": "hunter2"', '["verify"]'])
def test_an_extra_that_cannot_be_parsed_is_not_left_out(define: Define, extra: str) -> None:
    """Airflow would go on without TLS settings, or without the key that is expected."""
    conn_id = define("postgres", host="h", schema="d", extra=extra)
    with pytest.raises(ConfigurationError, match="under_test: extra cannot be read") as refused:
        connection_named(conn_id)
    assert "hunter2" not in str(refused.value)


def test_a_connection_that_nobody_defined_is_absent() -> None:
    """With the places where it may be defined."""
    assert not is_given("nobody_defined_it")
    with pytest.raises(ConfigurationError, match="there is no Airflow connection nobody_defined"):
        connection_named("nobody_defined_it")


@pytest.mark.parametrize(
    ("conn_type", "fields", "says"),
    [
        ("mysql", {"host": "h", "schema": "d"}, "type postgres"),
        ("postgres", {"host": "h"}, "must be set"),
        ("postgres", {"schema": "d"}, "must be set"),
    ],
)
def test_a_wrong_ledger_connection_is_refused(
    conn_type: str, fields: dict[str, object], says: str, define: Define
) -> None:
    """The message names the connection and the field."""
    with pytest.raises(ConfigurationError, match=says):
        postgres_url(define(conn_type, **fields))


@pytest.mark.parametrize("host", ["", ":memory:", None])
def test_duckdb_without_a_file_is_refused(host: str | None, define: Define) -> None:
    """It would be an empty database in memory: no trades, nothing to settle."""
    with pytest.raises(ConfigurationError, match="DuckDB file"):
        open_warehouse(define("duckdb", host=host))


def test_duckdb_is_opened_for_reading_only(define: Define, tmp_path: Path) -> None:
    """A file that does not exist is not created, whatever the connection's extra says."""
    path = tmp_path / "no.duckdb"
    warehouse = open_warehouse(define("duckdb", host=str(path), extra={"read_only": False}))
    with pytest.raises(WarehouseError):
        warehouse.loaded_until(demo_partner(), NOW)
    assert not path.exists()


def postgres_fields(server: EmbeddedServer) -> dict[str, object]:
    """Fields of an Airflow connection to a database with an empty table of trades."""
    url = server.url("trades_of_a_hook")
    with psycopg.connect(url.set(drivername="postgresql").render_as_string()) as connection:
        connection.execute("DROP TABLE IF EXISTS trades")
        connection.execute(TRADES)
    return {"host": url.query["host"], "login": url.username, "schema": url.database}


@pytest.mark.parametrize("cursor", ["dictcursor", "namedtuplecursor", "DictCursor"])
def test_another_row_factory_is_no_matter(
    define: Define, postgres: EmbeddedServer, cursor: str
) -> None:
    """Another team's queries want names; ours go by position."""
    conn_id = define("postgres", **postgres_fields(postgres), extra={"cursor": cursor})
    warehouse = open_warehouse(conn_id)
    assert warehouse.loaded_until(demo_partner(), NOW) is None
    start = datetime(2026, 3, 2, tzinfo=UTC)
    with warehouse.snapshot(demo_partner(), Window(start, start + timedelta(days=1))) as reading:
        reading.check()
        assert reading.trade_count() == 0


@pytest.mark.parametrize("cursor", ["realdictcursor", "namedcursor"])
def test_a_row_factory_that_the_driver_lacks_is_refused(
    define: Define, postgres: EmbeddedServer, cursor: str
) -> None:
    """Naming the extra."""
    conn_id = define("postgres", **postgres_fields(postgres), extra={"cursor": cursor})
    with pytest.raises(ConfigurationError, match="its extra `cursor` cannot be used"):
        open_warehouse(conn_id).loaded_until(demo_partner(), NOW)


def test_another_warehouse_is_refused_by_name(define: Define) -> None:
    """Types that cannot be read yet are named, with those that can."""
    with pytest.raises(ConfigurationError, match="mysql is not supported: duckdb, postgres"):
        open_warehouse(define("mysql", host="h"))


@pytest.mark.parametrize("conn_type", ["gcpbigquery", "google_cloud_platform"])
def test_bigquery_is_refused_with_what_to_do_instead(define: Define, conn_type: str) -> None:
    """Its timestamps would arrive as floats; better to hear so before the first date."""
    with pytest.raises(ConfigurationError, match="copy the trades to PostgreSQL or a DuckDB file"):
        open_warehouse(define(conn_type, extra={"project": "p"}))


def test_snowflake_without_its_provider_is_refused(define: Define) -> None:
    """The lock has no Snowflake, and so has a worker that was set up from it."""
    with pytest.raises(ConfigurationError, match="install the extra snowflake"):
        open_warehouse(define("snowflake", host="account"))


def test_a_plain_key(define: Define) -> None:
    """The xprv in the password field signs."""
    signer = open_signer(define("settlement_signing_key", password=DEMO_XPRV))
    assert signer.public_key.hex() == DEMO_PUBLIC_KEY


def test_a_key_that_is_not_the_expected_one_is_refused(define: Define) -> None:
    """A wrong key is found before the partner refuses everything that it signs."""
    other = PrivateKey.from_int(4711).public_key.format().hex()
    conn_id = define("settlement_signing_key", password=DEMO_XPRV, extra={"public_key": other})
    with pytest.raises(SigningKeyError, match=r"has id [0-9a-f]+, not "):
        open_signer(conn_id)


def test_two_keys_are_good_while_they_are_rotated(define: Define) -> None:
    """What the old key has signed and nobody has sent needs no new signature."""
    old = PrivateKey.from_int(4711).public_key.format()
    extra = {"public_key": f"{old.hex()}, {DEMO_PUBLIC_KEY}"}
    signer = open_signer(define("settlement_signing_key", password=DEMO_XPRV, extra=extra))
    assert signer.key_ids == {key_id_of(old), key_id_of(bytes.fromhex(DEMO_PUBLIC_KEY))}
    assert signer_of("text", signer.sign("text")).hex() == DEMO_PUBLIC_KEY


def test_an_encrypted_key(define: Define) -> None:
    """An envelope in extra, its passphrase as password."""
    vectors = json.loads((VECTORS / "encrypted-keys.json").read_text())
    envelope = vectors["envelopes"][0]
    conn_id = define(
        "settlement_signing_key",
        password=envelope["passphrase"],
        extra={"encrypted_private_key": envelope["encrypted_xprv"]},
    )
    expected = LocalSigner.from_xprv(vectors["xprv"])
    assert open_signer(conn_id).key_id == expected.key_id


def test_airflow_shows_no_key_to_whoever_may_read_connections() -> None:
    """Its API masks extra by the names of the fields; that of the encrypted key is masked."""
    types = {each["connection-type"]: each for each in get_provider_info()["connection-types"]}
    names = types["settlement_signing_key"]["conn-fields"]
    extra = json.dumps(dict.fromkeys(names, "value"))
    shown = json.loads(str(ConnectionResponse.redact_extra(extra)))
    assert shown == {
        "encrypted_private_key": "***",
        "wallet_id": "value",
        "public_key": "value",
    }


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"password": DEMO_XPRV, "host": "signer.example"}, ConfigurationError),
        ({}, ConfigurationError),
        ({"password": DEMO_XPRV[:-1] + "x"}, SigningKeyError),
    ],
)
def test_a_wrong_key_is_refused_without_showing_it(
    fields: dict[str, object], error: type[Exception], define: Define
) -> None:
    """Neither the error nor the test button shows any of the key."""
    conn_id = define("settlement_signing_key", **fields)
    with pytest.raises(error) as caught:
        open_signer(conn_id)
    good, message = SigningKeyHook(conn_id).test_connection()
    assert not good
    assert DEMO_XPRV[4:20] not in str(caught.value) + message


def test_the_test_button_names_the_key(define: Define) -> None:
    """By its id, so that on-call can compare it with what the ledger holds."""
    conn_id = define("settlement_signing_key", password=DEMO_XPRV)
    good, message = SigningKeyHook(conn_id).test_connection()
    assert good
    assert message == f"key {LocalSigner.from_xprv(DEMO_XPRV).key_id} signs"


def test_both_connection_types_have_a_form() -> None:
    """Airflow finds them through the entry point or, before installation, by our own data."""
    types = {each["connection-type"]: each for each in get_provider_info()["connection-types"]}
    assert set(types) == {"bitgo_network", "settlement_signing_key"}
    labels = types["bitgo_network"]["ui-field-behaviour"]["relabeling"]
    assert labels["password"] == "Access token"
    assert set(ProvidersManager().hooks) >= set(types)
