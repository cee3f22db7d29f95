"""The hook against real sockets: exact bytes, one deadline, no redirects, no leaks."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from settlement.errors import ConfigurationError
from settlement.partner.exchange import TransportError
from settlement_airflow.hooks import wire
from settlement_airflow.hooks.pacer import (
    GUEST_REQUESTS_PER_MINUTE,
    OUTSIDE_THE_POOL,
    POOL_SLOTS,
    REQUESTS_PER_MINUTE,
    Pacer,
    pacer_for,
)
from settlement_airflow.hooks.partner_api import PartnerApiHook

TOKEN = "secret-token-0123456789"
PATH = "/api/network/v1/enterprises/e/partners/settlements"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PartnerApiHook]:
    """Define the Airflow connection and open the hook."""

    def connect(host: str, deadline_s: float = 60, **fields: object) -> PartnerApiHook:
        connection = {"conn_type": "bitgo_network", "host": host, "password": TOKEN, **fields}
        monkeypatch.setenv("AIRFLOW_CONN_PARTNER_API", json.dumps(connection))
        return PartnerApiHook(deadline_s=deadline_s)

    return connect


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request and then says what `talk` says, byte by byte if it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(60)


def drip(first: bytes) -> Callable[[socket.socket], None]:
    """Say `first`, then one byte every 50 ms until the client is gone."""

    def talk(connection: socket.socket) -> None:
        gone = threading.Event()
        try:
            connection.sendall(first)
            while not gone.wait(0.05):
                connection.sendall(b"x")
        except OSError:
            gone.set()

    return talk


def test_the_exact_bytes_arrive(httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]):
    """Body, query and authorization are what was given; nothing of extra becomes a header."""
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        request.get_data()
        seen.append(request)
        return Response(b'{"a": 1}', 401, {"X-Request-Id": "r1"})

    httpserver.expect_request(PATH).respond_with_handler(answer)
    hook = connect(httpserver.url_for(""), extra={"enterprise_id": "e", "signing_key": "nope"})
    sent = b'{"b":  "\xc3\xa9"}\n'
    answered = hook.exchange(
        "POST", PATH, query=[("externalIds", "a b/1"), ("n", "2")], content=sent
    )
    assert (answered.status, answered.content) == (401, b'{"a": 1}')
    assert answered.headers["x-request-id"] == "r1"
    [request] = seen
    assert request.get_data() == sent
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert list(request.args.items()) == [("externalIds", "a b/1"), ("n", "2")]
    assert "nope" not in str(request.headers)
    assert "enterprise_id" not in request.headers


def test_a_redirect_is_an_answer(httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]):
    """A redirect is not followed: the POST reaches nobody else."""
    httpserver.expect_request(PATH).respond_with_data("", 307, {"Location": "/elsewhere"})
    answered = connect(httpserver.url_for("")).exchange("POST", PATH, content=b"{}")
    assert answered.status == 307
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Drip: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    ],
    ids=["status line", "header", "body", "body without a length"],
)
def test_an_answer_that_drips_ends_at_the_deadline(
    first: bytes, connect: Callable[..., PartnerApiHook]
):
    """Bytes that keep coming do not keep the exchange alive."""
    too_late = pytest.raises(TransportError, match=r"no complete answer within 0\.5 s")
    with raw_server(drip(first)) as url, too_late:
        connect(url, deadline_s=0.5).exchange("GET", PATH)


def test_silence_ends_at_the_deadline(connect: Callable[..., PartnerApiHook]):
    """A partner that accepts and says nothing."""
    done = threading.Event()
    with raw_server(lambda _: bool(done.wait(60)) and None) as url:
        with pytest.raises(TransportError, match=r"no complete answer within 0\.3 s"):
            connect(url, deadline_s=0.3).exchange("GET", PATH)
        done.set()


def test_a_silent_handshake_ends_at_the_deadline(connect: Callable[..., PartnerApiHook]):
    """The deadline counts from opening the connection, TLS included."""
    done = threading.Event()
    with raw_server(lambda _: bool(done.wait(60)) and None) as url:
        with pytest.raises(TransportError, match=r"no complete answer within 0\.4 s"):
            connect(url.replace("http:", "https:"), deadline_s=0.4).exchange("GET", PATH)
        done.set()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"not http at all\r\n\r\n",
    ],
    ids=["nothing", "short body", "short chunk", "no HTTP"],
)
def test_a_broken_answer_is_no_answer(said: bytes, connect: Callable[..., PartnerApiHook]):
    """What is cut short is never taken for an answer."""
    with (
        raw_server(lambda connection: connection.sendall(said)) as url,
        pytest.raises(TransportError),
    ):
        connect(url).exchange("POST", PATH, content=b"{}")


def test_a_reset_is_no_answer(connect: Callable[..., PartnerApiHook]):
    """A connection that is reset proves nothing; the error says so in short."""

    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00" + bytes(4))

    with raw_server(reset) as url, pytest.raises(TransportError, match=r"reset|closed without"):
        connect(url).exchange("POST", PATH, content=b"{}")


def test_nobody_listens(connect: Callable[..., PartnerApiHook]):
    """A refused connection is named."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(TransportError, match="Connection refused"):
        connect(f"http://127.0.0.1:{port}").exchange("GET", PATH)


def test_an_endless_answer_is_cut(
    connect: Callable[..., PartnerApiHook], monkeypatch: pytest.MonkeyPatch
):
    """Only so many bytes are read into memory."""
    monkeypatch.setattr(wire, "LARGEST_ANSWER", 1000)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200000

    def talk(connection: socket.socket) -> None:
        try:
            connection.sendall(whole)
        except OSError:
            return

    with raw_server(talk) as url, pytest.raises(TransportError, match="exceeds 1000 bytes"):
        connect(url).exchange("GET", PATH)


def test_the_token_is_in_no_error_repr_or_log(
    connect: Callable[..., PartnerApiHook], caplog: pytest.LogCaptureFixture
):
    """Whatever fails, the token shows up nowhere, chained exceptions included."""
    caplog.set_level(logging.DEBUG)
    with raw_server(lambda connection: connection.sendall(b"junk\r\n")) as url:
        hook = connect(url)
        with pytest.raises(TransportError) as caught:
            hook.exchange("POST", PATH, content=b"{}")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = repr(caught.value) + repr(hook) + repr(vars(hook)) + caplog.text
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://app.bitgo.com"}, "https://app.bitgo.com"),
        ({"host": "https://app.bitgo.com/"}, "https://app.bitgo.com"),
        ({"host": "app.bitgo.com"}, "https://app.bitgo.com"),
        ({"host": "app.bitgo.com", "schema": "https", "port": 8443}, "https://app.bitgo.com:8443"),
        ({"host": "localhost", "schema": "http", "port": 3080}, "http://localhost:3080"),
        ({"host": "http://[::1]:3080"}, "http://[::1]:3080"),
        ({"host": "http://127.0.0.5"}, "http://127.0.0.5"),
    ],
)
def test_base_url(fields: dict[str, object], url: str, connect: Callable[..., PartnerApiHook]):
    """Host alone, with schema and port, or as a full URL; https unless it is said otherwise."""
    assert connect(**fields).base_url == url


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"host": "http://app.bitgo.com"}, "in clear"),
        ({"host": "app.bitgo.com", "schema": "http"}, "in clear"),
        ({"host": "http://127.0.0.1.evil.example"}, "in clear"),
        ({"host": "ftp://localhost"}, "in clear"),
        ({"host": ""}, "host is empty"),
        ({"host": "https://app.bitgo.com/api"}, "only"),
        ({"host": "https://user:pw@app.bitgo.com"}, "only"),
        ({"host": "https://app.bitgo.com:x"}, "not a URL"),
        ({"host": "https://app.bitgo.com", "password": ""}, "access token"),
        ({"host": "https://app.bitgo.com", "password": "two\nlines"}, "access token"),
        ({"host": "https://app.bitgo.com", "extra": {"verify": False}}, "CA bundle"),
    ],
)
def test_a_wrong_connection_is_refused(
    fields: dict[str, object], says: str, connect: Callable[..., PartnerApiHook]
):
    """Before anything is sent; the message names the field and no secret."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        connect(**fields).exchange("GET", PATH)
    assert TOKEN not in str(caught.value)
    assert "two" not in str(caught.value)


def test_a_missing_connection_is_named():
    """The error says how to define it."""
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_NO_SUCH"):
        PartnerApiHook("no_such").exchange("GET", PATH)


@pytest.mark.parametrize(
    ("status", "enterprise", "good", "says"),
    [
        (200, "e", True, "accepts the token"),
        (401, "e", False, "refuses the access token"),
        (403, "e", False, "no access"),
        (500, "e", False, "HTTP 500"),
        (404, None, True, "does not refuse"),
    ],
)
def test_testing_the_connection(
    status: int,
    enterprise: str | None,
    good: bool,
    says: str,
    httpserver: HTTPServer,
    connect: Callable[..., PartnerApiHook],
):
    """The UI's test button says in one sentence what is wrong."""
    httpserver.expect_request("").respond_with_data("{}", status)
    extra = {"enterprise_id": enterprise} if enterprise else {}
    success, message = connect(httpserver.url_for(""), extra=extra).test_connection()
    assert (success, says in message) == (good, True)


def test_fields_that_the_form_leaves_empty_count_as_absent(
    httpserver: HTTPServer, connect: Callable[..., PartnerApiHook]
):
    """The form of the UI stores a null for each of its own fields that nobody fills in."""
    httpserver.expect_request("").respond_with_data("{}", 200)
    hook = connect(httpserver.url_for(""), extra={"enterprise_id": None, "verify": None})
    assert hook.exchange("GET", PATH).status == 200


def test_the_pacer_keeps_its_interval():
    """Three exchanges take at least two intervals."""
    pacer = Pacer(0.05)
    started = time.monotonic()
    for _ in range(3):
        pacer.wait()
    assert time.monotonic() - started >= 0.1


def test_a_task_is_paced_at_the_share_of_the_pool_that_it_occupies():
    """All slots together send as many requests a minute as the partner allows."""
    url = "https://partner.invalid"
    for slots in range(1, POOL_SLOTS + 1):
        share = 60 / pacer_for(url, slots).interval_s
        assert share == pytest.approx(REQUESTS_PER_MINUTE * slots / POOL_SLOTS)
    assert pacer_for(url, 1) is pacer_for(url, 1)


def test_a_task_outside_the_pool_stays_within_what_a_full_pool_leaves():
    """Nobody waits for the pool to look or to stop; the partner's limit is kept all the same."""
    outside = 60 / pacer_for("https://partner.invalid", OUTSIDE_THE_POOL).interval_s
    assert outside == pytest.approx(GUEST_REQUESTS_PER_MINUTE)
    assert REQUESTS_PER_MINUTE + outside <= 360
