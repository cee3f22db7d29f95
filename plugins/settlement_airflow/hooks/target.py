"""Where an Airflow connection of HTTP points, and as whom: only https, except on loopback."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from settlement_airflow.airflow_connection import connection_named, wrong_connection

_TOKEN = re.compile(r"[\x21-\x7e]+")


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
    auth: BearerToken | None
    proxies: dict[str, str]
    verify: bool | str
    conn_id: str


def target_of(conn_id: str, *, token_needed: bool = True) -> Target:
    """Where the host of an Airflow connection points, with its password as access token.

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
    if not _TOKEN.fullmatch(token) and (token or token_needed):
        raise wrong_connection(
            conn_id, "password must be the access token, one line without spaces"
        )
    name = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    base_url = f"{url.scheme}://{name}" + (f":{port}" if port else "")
    proxies, verify = _network_settings(conn_id, connection.extra_dejson)
    auth = BearerToken(token) if token else None
    return Target(base_url, loopback, auth, proxies, verify, conn_id)


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
    if not isinstance(proxies, dict) or not all(isinstance(url, str) for url in proxies.values()):
        raise wrong_connection(conn_id, 'extra "proxies" must map schemes to URLs')
    given = extra.get("verify")  # None: the form, with the field left empty
    if given is not None and not isinstance(given, str):
        raise wrong_connection(
            conn_id, 'extra "verify" must be the path of a CA bundle; it cannot be off'
        )
    if given and not Path(given).exists():
        raise wrong_connection(
            conn_id, f'extra "verify" names {given}, which does not exist on this machine'
        )
    return proxies, given or True
