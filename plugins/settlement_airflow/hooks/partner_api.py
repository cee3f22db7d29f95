"""The partner API over HTTP: one authenticated exchange at a time, the exact bytes, no surprises.

What differs from HttpHook, and why: only https (except loopback), so that no token travels in
clear; one deadline over the whole exchange; no redirects, which could carry a POST elsewhere; no
error for a status, since the domain reads the body first; extra keys of the Airflow connection
never become headers; a new network connection for each exchange, so that none meets one that the
partner has just closed. Nothing is retried here: that is the scheduler's.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from http.client import RemoteDisconnected
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import requests
import urllib3
from airflow.providers.http.hooks.http import HttpHook
from requests.auth import AuthBase

from settlement.errors import ConfigurationError
from settlement.partner_api import Answer, TransportError
from settlement_airflow.airflow_connection import connection_named, wrong_connection
from settlement_airflow.hooks.deadline import Deadline, DeadlineAdapter
from settlement_airflow.hooks.pacer import pacer_for

CONNECT_TIMEOUT_S = 5.0
EXCHANGE_DEADLINE_S = 60.0
LARGEST_ANSWER = 20 * 1024 * 1024
CHUNK = 64 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]+")

log = logging.getLogger(__name__)


class BearerToken(AuthBase):
    """Sets the Authorization header of one request; shows nothing of the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Authorize this request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerToken(***)"


class Target(NamedTuple):
    """Where to send and as whom, as the Airflow connection says."""

    base_url: str
    loopback: bool
    auth: BearerToken
    proxies: dict[str, str]
    verify: bool | str


class PartnerApiHook(HttpHook):
    """Exchanges with the partner API through an Airflow connection of type `bitgo_network`.

    Host: base URL; password: access token. Extra, both optional: `proxies` (scheme to URL) and
    `verify` (path of a CA bundle). Without them the environment counts (HTTPS_PROXY,
    REQUESTS_CA_BUNDLE); to a loopback address nothing of it does.

    :param partner_api_conn_id: id of the Airflow connection
    :param deadline_s: most seconds that one exchange may take, from opening to the last byte
    """

    conn_name_attr = "partner_api_conn_id"
    default_conn_name = "partner_api"
    conn_type = "bitgo_network"
    hook_name = "BitGo Network"

    def __init__(
        self, partner_api_conn_id: str = default_conn_name, *, deadline_s: float | None = None
    ) -> None:
        super().__init__(http_conn_id=partner_api_conn_id, tcp_keep_alive=False)
        self.partner_api_conn_id = partner_api_conn_id
        self.deadline_s = EXCHANGE_DEADLINE_S if deadline_s is None else deadline_s

    @property
    def base_url(self) -> str:
        """Scheme, host and port of the partner, without a trailing slash.

        :raises ConfigurationError: if the Airflow connection is missing or wrong
        """
        return self._target.base_url

    @base_url.setter
    def base_url(self, _: str) -> None:
        """Ignored: HttpHook assigns an empty one at the start."""

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Answer:
        """Send exactly `body` to `path` and return the answer, whatever its status.

        :raises TransportError: if no complete answer arrived before the deadline
        :raises ConfigurationError: if the Airflow connection is missing or wrong
        """
        target = self._target
        if not target.loopback:
            pacer_for(target.base_url).wait()
        started = time.monotonic()
        failure, answer = "", None
        with Deadline(self.deadline_s) as deadline:
            try:
                answer = self._answer(target, deadline, method, path, query, body)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                failure = _in_short(error)
            except _TooLargeError:
                failure = f"the answer exceeds {LARGEST_ANSWER} bytes"
        took_ms = int((time.monotonic() - started) * 1000)
        if deadline.expired:  # even if an answer came: it may be cut short
            answer, failure = None, f"no complete answer within {deadline.seconds:g} s"
        if answer is None:
            log.warning("%s %s: %s after %d ms", method, path, failure, took_ms)
            raise TransportError(f"{method} {path}: {failure}")
        log.info("%s %s: HTTP %d in %d ms", method, path, answer.status, took_ms)
        return answer

    def test_connection(self) -> tuple[bool, str]:
        """Whether the partner accepts the token, and in one sentence what is wrong if not."""
        try:
            extra = self.get_connection(self.partner_api_conn_id).extra_dejson
            enterprise = str(extra.get("enterprise_id") or "-")
            path = f"/api/network/v1/enterprises/{quote(enterprise, safe='')}/partners/connections"
            answer = self.exchange("GET", path, query=[("pageNumber", "0"), ("pageSize", "1")])
        except ConfigurationError as error:
            return False, error.message
        except TransportError as error:
            return False, f"{self.base_url} gives no answer: {error}"
        return _verdict(answer.status, enterprise)

    @cached_property
    def _target(self) -> Target:
        return target_of(self.partner_api_conn_id)

    def _answer(
        self,
        target: Target,
        deadline: Deadline,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes | None,
    ) -> Answer:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        with requests.Session() as session:
            session.trust_env = not target.loopback
            session.mount("https://", DeadlineAdapter(deadline))
            session.mount("http://", DeadlineAdapter(deadline))
            if target.verify is not True:
                session.verify = target.verify
            with session.request(
                method,
                target.base_url + path,
                params=list(query),
                data=body,
                headers=headers,
                auth=target.auth,
                proxies=target.proxies,
                timeout=(CONNECT_TIMEOUT_S, self.deadline_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _content(response)
                sent_headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, content, sent_headers)


class _TooLargeError(Exception):
    """The answer exceeds what is read into memory."""


def _content(response: requests.Response) -> bytes:
    content = bytearray()
    for chunk in response.iter_content(CHUNK):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise _TooLargeError
    return bytes(content)


def target_of(conn_id: str) -> Target:
    """Where an Airflow connection of type `bitgo_network` points.

    :raises ConfigurationError: naming what is missing or wrong; never the token
    """
    connection = connection_named(conn_id)
    host = (connection.host or "").strip()
    if not host:
        raise wrong_connection(conn_id, "host is empty: set it to the partner's base URL")
    text = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    try:
        url = urlsplit(text)
        port = url.port or connection.port
    except ValueError:
        raise wrong_connection(conn_id, "host is not a URL") from None
    if not url.hostname or url.username or url.path not in {"", "/"} or url.query or url.fragment:
        raise wrong_connection(
            conn_id, "host must be scheme, host and port only, like https://app.bitgo.com"
        )
    loopback = is_loopback(url.hostname)
    if url.scheme != "https" and not (url.scheme == "http" and loopback):
        raise wrong_connection(
            conn_id, f"{url.scheme}://{url.hostname} would send the token in clear: use https"
        )
    token = (connection.password or "").strip()
    if not _TOKEN.fullmatch(token):
        raise wrong_connection(
            conn_id, "password must be the access token, one line without spaces"
        )
    name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    base_url = f"{url.scheme}://{name}" + (f":{port}" if port else "")
    proxies, verify = _network_settings(conn_id, connection.extra_dejson)
    return Target(base_url, loopback, BearerToken(token), proxies, verify)


def is_loopback(host: str) -> bool:
    """Whether what is sent to this host never leaves the machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network_settings(conn_id: str, extra: dict[str, Any]) -> tuple[dict[str, str], bool | str]:
    proxies = extra.get("proxies") or {}
    verify = extra.get("verify") or True
    if not isinstance(proxies, dict) or not all(isinstance(url, str) for url in proxies.values()):
        raise wrong_connection(conn_id, 'extra "proxies" must map schemes to URLs')
    if "verify" in extra and not isinstance(extra["verify"], str):
        raise wrong_connection(
            conn_id, 'extra "verify" must be the path of a CA bundle; it cannot be off'
        )
    return proxies, verify


def _in_short(error: BaseException) -> str:
    """Why an exchange failed, in words that can hold neither headers nor credentials."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    for each in _behind(error):
        if isinstance(each, RemoteDisconnected):
            return "the connection was closed without an answer"
        text = getattr(each, "verify_message", None) or getattr(each, "strerror", None)
        if text:
            return f"{type(each).__name__}: {text}"
    return f"the connection broke ({type(error).__name__})"


def _behind(error: object) -> Iterator[BaseException]:
    """The error and what it wraps; requests and urllib3 keep it in args, reason and context."""
    seen: list[BaseException] = []
    to_see = [error]
    while to_see:
        each = to_see.pop(0)
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            yield each
            to_see += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _verdict(status: int, enterprise: str) -> tuple[bool, str]:
    if status == requests.codes.unauthorized:
        return False, "the partner refuses the access token: expired, or of another environment"
    if enterprise == "-":
        return True, "the partner does not refuse the token; add enterprise_id to check access"
    if status == requests.codes.ok:
        return True, f"the partner accepts the token for enterprise {enterprise}"
    if status == requests.codes.forbidden:
        return False, (
            f"the token has no access to enterprise {enterprise}: check its scope "
            "settlement_network_read, its address range and the licence"
        )
    return False, f"the partner answers HTTP {status} for enterprise {enterprise}"
