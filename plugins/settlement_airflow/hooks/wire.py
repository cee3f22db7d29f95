"""One HTTP exchange: the exact bytes out, the whole answer back, one deadline over all of it.

No redirects, which could carry a POST elsewhere; no error for a status; a new network connection
for each exchange, so that none meets one that the other side has just closed. Nothing is retried.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator, Sequence
from http.client import RemoteDisconnected

import requests
import urllib3

from settlement.errors import UntrustedHostError
from settlement.partner.exchange import Answer, TransportError
from settlement_airflow.hooks.deadline import Deadline, DeadlineAdapter
from settlement_airflow.hooks.target import Target

CONNECT_TIMEOUT_S = 5.0
LARGEST_ANSWER = 20 * 1024 * 1024
CHUNK = 64 * 1024

log = logging.getLogger(__name__)


def send(  # noqa: PLR0913 - the parts of an HTTP request
    target: Target,
    method: str,
    path: str,
    *,
    deadline_s: float,
    query: Sequence[tuple[str, str]] = (),
    content: bytes | None = None,
) -> Answer:
    """Send exactly `content` to `path` and return the answer, whatever its status.

    :param deadline_s: most seconds that it may take, from opening to the last byte
    :raises TransportError: if no complete answer arrived before the deadline
    :raises UntrustedHostError: if the host's certificate is not trusted; nothing was sent then
    """
    started = time.monotonic()
    failure, untrusted, answer = "", "", None
    with Deadline(deadline_s) as deadline:
        try:
            answer = _answer(target, deadline, method, path, query, content)
        except requests.ReadTimeout:
            failure = _too_late(deadline)  # silence: the socket's own clock was a little faster
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = _in_short(error)
            untrusted = "" if deadline.connected else _why_untrusted(error)
        except _TooLargeError:
            failure = f"the answer exceeds {LARGEST_ANSWER} bytes"
    took_ms = int((time.monotonic() - started) * 1000)
    if untrusted:
        log.warning("%s %s: %s is not trusted: %s", method, path, target.base_url, untrusted)
        raise UntrustedHostError(
            target.base_url, why=untrusted, trusted=_trusted_by(target), conn_id=target.conn_id
        )
    if deadline.expired:  # even if an answer came: it may be cut short
        answer, failure = None, _too_late(deadline)
    if answer is None:
        log.warning("%s %s: %s after %d ms", method, path, failure, took_ms)
        raise TransportError(f"{method} {path}: {failure}")
    log.info("%s %s: HTTP %d in %d ms", method, path, answer.status, took_ms)
    return answer


def _answer(  # noqa: PLR0913, PLR0917 - the same parts
    target: Target,
    deadline: Deadline,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    content: bytes | None,
) -> Answer:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    verify = None if target.verify is True else target.verify  # None: as the environment says
    with requests.Session() as session:
        session.trust_env = not target.loopback
        session.mount("https://", DeadlineAdapter(deadline))
        session.mount("http://", DeadlineAdapter(deadline))
        with session.request(
            method,
            target.base_url + path,
            params=list(query),
            data=content,
            headers=headers,
            auth=target.auth,
            proxies=target.proxies,
            verify=verify,
            timeout=(CONNECT_TIMEOUT_S, deadline.seconds),
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


def _too_late(deadline: Deadline) -> str:
    return f"no complete answer within {deadline.seconds:g} s"


def _in_short(error: BaseException) -> str:
    """Why an exchange failed, in words that can hold neither headers nor credentials."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    for each in _behind(error):
        if isinstance(each, RemoteDisconnected):
            return "the connection was closed without an answer"
        text = getattr(each, "verify_message", None) or getattr(each, "strerror", None)
        if text:
            return f"{type(each).__name__}: {text}"
    return f"the connection broke ({type(error).__name__})"


def _why_untrusted(error: BaseException) -> str:
    """Why the certificate was not accepted, in OpenSSL's words; empty if that is not why."""
    for each in _behind(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return each.verify_message or "it cannot be verified"
    return ""


def _trusted_by(target: Target) -> str:
    if target.verify is True:
        return "those of REQUESTS_CA_BUNDLE, else certifi's"
    return f"those of {target.verify}"


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
