"""What PartnerApiHook inherits from HttpHook: it sends through the one exchange, or is refused."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable
from inspect import getattr_static
from pathlib import Path

import pytest
import requests
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from pytest_httpserver import HTTPServer
from tenacity import stop_after_attempt
from werkzeug import Request, Response

from settlement.errors import ConfigurationError
from settlement.partner.exchange import TransportError
from settlement_airflow.hooks.partner_api import PartnerApiHook

TOKEN = "secret-token-0123456789"
PATH = "/api/network/v1/enterprises/e/partners/settlements"

SENDS = {
    "run": lambda hook, _: hook.run(PATH, b"{}", extra_options={"check_response": False}),
    "test_connection": lambda hook, _: hook.test_connection(),
}
"""Inherited ways that send, through the one exchange."""
REFUSED = {
    "get_conn": lambda hook, _: hook.get_conn({"a": "b"}, {"timeout": 1}),
    "run_and_check": lambda hook, url: hook.run_and_check(
        requests.Session(), requests.Request("POST", url + PATH, data=b"{}").prepare(), {}
    ),
    "run_with_advanced_retry": lambda hook, _: hook.run_with_advanced_retry(
        {"stop": stop_after_attempt(1)}, PATH, b"{}"
    ),
}
"""Inherited ways that would send, or hand out what does, without the hook's rules."""
SENDS_NOTHING = {
    "auth_type",
    "base_url",
    "check_response",
    "conn_name_attr",
    "conn_type",
    "default_conn_name",
    "default_headers",
    "default_host",
    "hook_name",
    "url_from_endpoint",
}


@pytest.fixture
def seen(httpserver: HTTPServer) -> list[Request]:
    """Requests that arrive at the partner, which redirects each of them elsewhere."""
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return Response("", 307, {"Location": "/elsewhere"})

    httpserver.expect_request("").respond_with_handler(answer)
    return seen


@pytest.fixture
def connect(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., PartnerApiHook]:
    """Open the hook on that partner, with extra keys that HttpHook would make headers and more."""

    def connect(**settings: object) -> PartnerApiHook:
        extra = {"signing_key": "nope", "enterprise_id": "e", "allow_redirects": True}
        connection = {
            "conn_type": "bitgo_network",
            "host": httpserver.url_for("").rstrip("/"),
            "password": TOKEN,
            "extra": extra,
        }
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", json.dumps(connection))
        return PartnerApiHook(**settings)

    return connect


def test_no_inherited_name_is_unknown():
    """A version of the provider that adds something public to HttpHook is noticed here."""
    inherited = {
        name
        for name in {*dir(HttpHook), *vars(HttpHook())}
        if not name.startswith("_")
        and getattr_static(HttpHook, name, None) is not getattr_static(BaseHook, name, "not there")
    }
    attributes = {"adapter", "http_conn_id", "keep_alive_adapter", "merged_extra", "method"}
    assert inherited == {*SENDS, *REFUSED, *SENDS_NOTHING, *attributes}


def test_the_page_names_every_way():
    """docs/configuration.md says of each of them what it does here."""
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    section = page.split("## The hook, for code of your own\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (`.+?`) \|", section, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert named - {"HttpHook"} == {*SENDS, *REFUSED}


@pytest.mark.parametrize("way", SENDS)
def test_what_sends_is_the_one_exchange(
    way: str, seen: list[Request], connect: Callable[..., PartnerApiHook]
):
    """With the token, without extra keys as headers, and the redirect reaches nobody else."""
    SENDS[way](connect(), "")
    [request] = seen
    assert request.path != "/elsewhere"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "nope" not in str(request.headers)
    assert "enterprise_id" not in request.headers


@pytest.mark.parametrize("way", SENDS)
def test_what_sends_ends_at_the_deadline(
    way: str, httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]
):
    """A partner that stays silent keeps no task for ever."""
    over = threading.Event()
    httpserver.expect_request("").respond_with_handler(lambda _: Response(str(over.wait(10))))
    try:
        said = SENDS[way](connect(deadline_s=0.3), "")
    except TransportError as error:
        said = (False, str(error))
    finally:
        over.set()
    assert said[0] is False
    assert "no complete answer within 0.3 s" in said[1]


@pytest.mark.parametrize("way", SENDS)
def test_what_sends_sends_no_token_in_clear(
    way: str, connect: Callable[..., PartnerApiHook], monkeypatch: pytest.MonkeyPatch
):
    """The rule of https holds, whoever asks."""
    hook = connect()
    connection = {"conn_type": "bitgo_network", "host": "http://a.invalid", "password": TOKEN}
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", json.dumps(connection))
    try:
        said = SENDS[way](hook, "")
    except ConfigurationError as error:
        said = (False, str(error))
    assert said[0] is False
    assert "in clear" in said[1]


@pytest.mark.parametrize("way", REFUSED)
def test_what_goes_around_the_rules_is_refused_by_name(
    way: str,
    httpserver: HTTPServer,
    seen: list[Request],
    connect: Callable[..., PartnerApiHook],
):
    """The error names the way and what to use instead; nothing arrives at the partner."""
    with pytest.raises(ConfigurationError, match=rf"PartnerApiHook\.{way} is refused") as caught:
        REFUSED[way](connect(), httpserver.url_for("").rstrip("/"))
    assert "nothing was sent" in str(caught.value)
    assert "run(endpoint, data)" in str(caught.value)
    assert seen == []


def test_run_sends_the_exact_bytes_and_returns_a_response(
    httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]
):
    """Endpoint, body and answer as users of HttpHook know them."""
    body = b'{"b":  "\xc3\xa9"}\n'
    httpserver.expect_request(PATH, "POST", data=body).respond_with_json({"a": 1}, 201)
    response = connect().run(PATH.removeprefix("/"), body)
    assert (response.status_code, response.reason, response.json()) == (201, "Created", {"a": 1})
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.text) == {"a": 1}


def test_run_of_a_get_sends_a_query(httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]):
    """GET takes data as the query, as HttpHook does."""
    query = {"pageNumber": "0", "externalIds": "a b/1"}
    httpserver.expect_request(PATH, "GET", query_string=query).respond_with_json([])
    response = connect(method="get").run(PATH, {"pageNumber": 0, "externalIds": "a b/1"})
    assert response.json() == []
    assert response.url == httpserver.url_for(PATH) + "?pageNumber=0&externalIds=a+b%2F1"


@pytest.mark.parametrize("status", [302, 307, 400, 403, 500])
def test_run_raises_for_whatever_is_no_success(
    status: int,
    httpserver: HTTPServer,
    connect: Callable[..., PartnerApiHook],
    caplog: pytest.LogCaptureFixture,
):
    """A redirect that is not followed is no success either; the partner's words are not logged."""
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request(PATH).respond_with_data("client 17 owes", status)
    with pytest.raises(AirflowException, match=rf"{status}:.+ from http://.+/settlements$"):
        connect().run(PATH, "{}")
    assert "client 17" not in caplog.text
    assert TOKEN not in caplog.text
    assert connect().run(PATH, "{}", extra_options={"check_response": False}).status_code == status


@pytest.mark.parametrize(
    ("method", "arguments", "says"),
    [
        ("POST", {"data": {"a": "b"}}, "the exact bytes"),
        ("POST", {"json": {"a": "b"}}, "json: no such option"),
        ("POST", {"headers": {"X-Other": "1"}}, "headers: no such option"),
        ("POST", {"extra_options": {"timeout": 1, "verify": False}}, "timeout, verify: no such"),
        ("GET", {"data": "a=b"}, "a mapping of names"),
        ("GET", {"data": {"a": ["b", "c"]}}, "a mapping of names"),
        ("GET", {"files": {"a": b""}}, "files: no such option"),
    ],
)
def test_run_refuses_what_an_exchange_cannot_do(
    method: str,
    arguments: dict[str, object],
    says: str,
    seen: list[Request],
    connect: Callable[..., PartnerApiHook],
):
    """By name, before anything is sent: an option that is passed over would be a surprise."""
    with pytest.raises(ConfigurationError, match=rf"PartnerApiHook\.run is refused.*{says}"):
        connect(method=method).run(PATH, **arguments)
    assert seen == []
