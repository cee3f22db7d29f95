"""A person defines both Airflow connections in the UI, in a real browser, and tests them there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page

from partner_sandbox.core import Sandbox
from partner_sandbox.demo_world import DEMO_ENTERPRISE, DEMO_TOKEN, DEMO_XPRV, demo_world
from partner_sandbox.server import running
from partner_sandbox.settings import Settings
from partner_sandbox.store import Store
from settlement.signing.signer import LocalSigner
from settlement_airflow.up.place import free_port
from settlement_airflow.up.stack import LocalStack, airflow_settings
from support.airflows_at_once import one_of_few_airflows
from support.browser import log_in, opened_page
from support.encrypted_key import ENCRYPTED_KEY
from support.postgres import running_postgres
from support.rest import AirflowRest

PARTNER_API, SIGNING_KEY = "BitGo Network", "Settlement signing key"
KEY_FIELD = "xprv, the passphrase of the encrypted one, or the signer's token"
WRONG_TOKEN = "token-of-another-environment"
MISTYPED_XPRV = f"{DEMO_XPRV[:-1]}x"
SECRETS = (DEMO_TOKEN, WRONG_TOKEN, DEMO_XPRV[20:60], ENCRYPTED_KEY.passphrase)


class Form(NamedTuple):
    """What a person enters, and what the test button says then."""

    conn_id: str
    conn_type: str
    fields: dict[str, str]
    extra: dict[str, str]
    verdict: str
    says: str


def token(conn_id: str, host: str, value: str, verdict: str, says: str) -> Form:
    """A form of the partner API; host "" is the sandbox's address."""
    fields = {"Base URL": host, "Access token": value}
    return Form(conn_id, PARTNER_API, fields, {"enterprise_id": DEMO_ENTERPRISE}, verdict, says)


def key(conn_id: str, value: str, extra: dict[str, str], verdict: str, says: str) -> Form:
    """A form of the signing key."""
    return Form(conn_id, SIGNING_KEY, {KEY_FIELD: value}, extra, verdict, says)


FORMS = [
    token(
        "partner_api",
        "",
        DEMO_TOKEN,
        "Successful",
        f"the partner accepts the token for enterprise {DEMO_ENTERPRISE}",
    ),
    token(
        "wrong_token",
        "",
        WRONG_TOKEN,
        "Failed",
        "the partner refuses the access token: expired, or of another environment",
    ),
    token(
        "in_clear",
        "http://bitgo.example",
        WRONG_TOKEN,
        "Failed",
        "http://bitgo.example would send the token in clear: use https",
    ),
    token(
        "nobody_there",
        "https://127.0.0.1:1",
        WRONG_TOKEN,
        "Failed",
        "https://127.0.0.1:1 gives no answer",
    ),
    key(
        "signing_key",
        DEMO_XPRV,
        {},
        "Successful",
        f"key {LocalSigner.from_xprv(DEMO_XPRV).key_id} signs",
    ),
    key(
        "encrypted_key",
        ENCRYPTED_KEY.passphrase,
        {"encrypted_private_key": ENCRYPTED_KEY.encrypted_xprv},
        "Successful",
        f"key {LocalSigner.from_xprv(ENCRYPTED_KEY.xprv).key_id} signs",
    ),
    key(
        "mistyped_key",
        MISTYPED_XPRV,
        {},
        "Failed",
        "its checksum is wrong: a character was lost or changed in copying",
    ),
]


@dataclass(frozen=True)
class Site:
    """Airflow's UI, somebody who is logged in, and a partner."""

    page: Page
    url: str
    sandbox: str
    rest: AirflowRest
    api_server_log: Path

    def open_list(self) -> None:
        """Load the list of Airflow connections; messages of before are gone."""
        self.page.goto(f"{self.url}/connections")

    def fill_in(self, form: Form) -> None:
        """Admin, Connections, Add: choose the type, fill in, save."""
        self.open_list()
        self.page.get_by_role("button", name="Add Connection").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Connection ID").fill(form.conn_id)
        dialog.get_by_label("Connection Type").fill(form.conn_type)
        self.page.get_by_role("option", name=form.conn_type).click()
        for label, value in form.fields.items():
            dialog.get_by_label(label).fill(value or self.sandbox)
        if form.extra:
            dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        for name, value in form.extra.items():
            dialog.locator(f"[name=element_{name}]").fill(value)
        save(dialog)

    def tested(self, conn_id: str) -> str:
        """Press the test button of an Airflow connection in the list; what is shown then."""
        self.row(conn_id).get_by_role("button", name="Test Connection").click()
        toast = self.page.get_by_role("status").filter(has_text="Test Connection")
        shown = toast.inner_text()
        self.shows_no_secret()
        return shown

    def opened(self, conn_id: str) -> Locator:
        """Open the form of an Airflow connection that is stored."""
        self.open_list()
        self.row(conn_id).get_by_role("button", name="Edit Connection").click()
        return self.page.get_by_role("dialog")

    def row(self, conn_id: str) -> Locator:
        """The line of an Airflow connection in the list."""
        cell = self.page.get_by_role("cell", name=conn_id, exact=True)
        return self.page.get_by_role("row").filter(has=cell)

    def shows_no_secret(self) -> None:
        """Neither the page's source nor what is entered in any of its fields."""
        fields = [each.input_value() for each in self.page.locator("input, textarea").all()]
        shown = self.page.content() + "\n".join(fields)
        assert [each for each in SECRETS if each in shown] == []


def save(dialog: Locator) -> None:
    """Save the form; it closes once the api-server has taken it."""
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One api-server for the whole file: it tests Airflow connections itself."""
    sandbox = Sandbox(Store(), lambda: datetime.now(UTC), Settings(), demo_world())
    with (
        one_of_few_airflows(),
        tempfile.TemporaryDirectory(prefix="forms") as folder,
        running(sandbox) as sandbox_url,
        running_postgres(Path(folder) / "database") as server,
        opened_page() as page,
    ):
        home, port = Path(folder), free_port(0)
        settings = airflow_settings(home / "airflow", server.url("airflow"), port)
        stack = LocalStack(home, settings, port)
        try:
            stack.run("db", "migrate")
            stack.start_api_server()
            url = f"http://127.0.0.1:{port}"
            log_in(page, url)
            log = home / "logs" / "components" / "api-server.log"
            yield Site(page, url, sandbox_url, AirflowRest(url), log)
        finally:
            stack.stop()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.conn_id)
def test_a_form_is_filled_in_and_tested(site: Site, form: Form) -> None:
    """What is right is told from what is wrong, in one sentence."""
    site.fill_in(form)
    title, sentence = site.tested(form.conn_id).split("\n")
    assert title == f"Test Connection {form.verdict}"
    assert form.says in sentence


@pytest.mark.parametrize("conn_id", ["partner_api", "signing_key"])
def test_a_stored_secret_is_masked_and_kept(site: Site, conn_id: str) -> None:
    """Opened again the field shows stars; saving them leaves the secret what it was."""
    site.open_list()
    before = site.tested(conn_id)
    dialog = site.opened(conn_id)
    secret = dialog.locator("[name=password]")
    assert (secret.get_attribute("type"), secret.input_value()) == ("password", "***")
    site.shows_no_secret()
    dialog.get_by_label("Description").fill("of our desk")
    save(dialog)
    assert site.tested(conn_id) == before
    stored = site.rest.call("GET", f"connections/{conn_id}")
    assert (stored["description"], stored["password"]) == ("of our desk", "***")


def test_no_secret_leaves_the_api_server(site: Site) -> None:
    """Not by its API, and not into its log, after every form of this file."""
    stored = site.rest.call("GET", "connections?limit=50")
    assert {each["connection_id"] for each in stored["connections"]} == {
        form.conn_id for form in FORMS
    }
    log = site.api_server_log.read_text()
    assert log.count("/api/v2/connections/test") >= len(FORMS)
    assert [each for each in SECRETS if each in log + json.dumps(stored)] == []
