"""HttpHook without its ways around the rules: whatever it sends goes through one exchange.

HttpHook itself posts without a token unless there is a login, turns extra keys of the Airflow
connection into headers, follows redirects with the body, and waits for ever. What can be kept of
its ways of sending is kept here, on top of `exchange`; the rest is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import responses
from io import BytesIO
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.exceptions import AirflowException
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from settlement.errors import ConfigurationError
from settlement.partner.exchange import Answer

QUERY_METHODS = ("GET", "HEAD")
INSTEAD = "exchange(method, path, query=…, content=…)"


class OneExchangeHook(HttpHook):
    """An HttpHook that sends through `exchange` and in no other way."""

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Send exactly `content` to `path` and return the answer, whatever its status."""
        raise NotImplementedError

    def run(
        self,
        endpoint: str | None = None,
        data: Any = None,
        headers: dict[str, Any] | None = None,
        extra_options: dict[str, Any] | None = None,
        **request_kwargs: Any,
    ) -> requests.Response:
        """One exchange with the hook's method, its answer as a response of requests.

        :param endpoint: path below the base URL
        :param data: GET and HEAD: the query, names to values; else the content, bytes or text
        :param extra_options: `check_response` alone; false returns an answer of any status
        :raises AirflowException: if the status is not a 2xx
        :raises TransportError: if no complete answer arrived before the deadline
        :raises ConfigurationError: for what an exchange cannot do, named; nothing is sent then
        :raises UntrustedHostError: as the exchange does
        """
        options = dict(extra_options or {})
        checked = options.pop("check_response", True)
        self._refuse_options([*(["headers"] if headers else []), *options, *request_kwargs])
        path = "/" + (endpoint or "").removeprefix("/")
        if self.method in QUERY_METHODS:
            query, content = self._query_of(data), None
        else:
            query, content = [], self._content_of(data)
        answer = self.exchange(self.method, path, query=query, content=content)
        address = self.url_from_endpoint(path) + ("?" + urlencode(query) if query else "")
        response = _response_of(answer, address)
        if checked:
            self.check_response(response)
        return response

    def check_response(self, response: requests.Response) -> None:
        """Raise for every status but a 2xx: no redirect is followed, so one is no success.

        :raises AirflowException: naming status and address; the content is not logged
        """
        if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            where = (response.url or "").partition("?")[0]
            raise AirflowException(f"{response.status_code}:{response.reason} from {where}")

    def get_conn(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a session sends without token, deadline or the rule of https."""
        self._refuse("get_conn", f"use {INSTEAD}, or run(endpoint, data)")

    def run_and_check(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: it sends what was prepared elsewhere, wherever that points."""
        self._refuse("run_and_check", f"use {INSTEAD}, or run(endpoint, data)")

    def run_with_advanced_retry(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: what is sent again is the scheduler's to decide."""
        self._refuse(
            "run_with_advanced_retry", "use run(endpoint, data) and the retries of the task"
        )

    def _query_of(self, data: Any) -> list[tuple[str, str]]:
        if not data:
            return []
        if not isinstance(data, Mapping) or not all(
            isinstance(each, str | int) for each in data.values()
        ):
            self._refuse("run", f"{self.method} takes data as a mapping of names to text")
        return [(str(name), str(value)) for name, value in data.items()]

    def _content_of(self, data: Any) -> bytes | None:
        if not data:
            return None
        if isinstance(data, str):
            return data.encode()
        if not isinstance(data, bytes):  # requests would write a form of it
            self._refuse("run", f"{self.method} takes data as the exact bytes, or text")
        return data

    def _refuse_options(self, names: Sequence[str]) -> None:
        if names:
            self._refuse(
                "run",
                f"{', '.join(names)}: no such option. Give the exact bytes as data, deadline_s to "
                "the hook, and proxies and verify in the Airflow connection's extra",
            )

    def _refuse(self, way: str, why: str) -> NoReturn:
        raise ConfigurationError(f"{type(self).__name__}.{way} is refused, nothing was sent: {why}")


def _response_of(answer: Answer, address: str) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.reason = responses.get(answer.status, "")
    response.headers = CaseInsensitiveDict(answer.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = BytesIO(answer.content)
    response.url = address
    return response
