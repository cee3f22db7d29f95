"""The partner API over HTTP: one authenticated exchange at a time.

It is an HttpHook, and whatever it inherits that sends goes through that exchange or is refused.
What differs, and why: only https (except loopback), so that no token travels in clear; one deadline
over the whole exchange; no redirects; no error of `exchange` for a status, since the domain looks
at the content first; extra keys of the Airflow connection never become headers. Nothing is retried
here: that is the scheduler's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import requests

from settlement.errors import ConfigurationError
from settlement.partner.answers import partners_word
from settlement.partner.exchange import Answer, TransportError
from settlement.partner.paths import path_of_enterprise
from settlement.partner.words import words_of
from settlement_airflow.hooks.one_exchange import OneExchangeHook
from settlement_airflow.hooks.pacer import pacer_for
from settlement_airflow.hooks.target import Target, target_of
from settlement_airflow.hooks.wire import send

EXCHANGE_DEADLINE_S = 60.0


class PartnerApiHook(OneExchangeHook):
    """Exchanges with the partner API through an Airflow connection of type `bitgo_network`.

    Host: base URL; password: access token. Extra, both optional: `proxies` (scheme to URL) and
    `verify` (path of a CA bundle). Without them the environment counts (HTTPS_PROXY,
    REQUESTS_CA_BUNDLE); to a loopback address nothing of it does.

    :param partner_api_conn_id: id of the Airflow connection
    :param method: of what `run` sends
    :param deadline_s: most seconds that one exchange may take, from opening to the last byte
    :param pool_slots: slots of the pool `partner_api` that the task occupies; its share of the
        requests that the partner allows
    """

    conn_name_attr = "partner_api_conn_id"
    default_conn_name = "partner_api"
    conn_type = "bitgo_network"
    hook_name = "BitGo Network"

    def __init__(
        self,
        partner_api_conn_id: str = default_conn_name,
        *,
        method: str = "POST",
        deadline_s: float | None = None,
        pool_slots: int = 1,
    ) -> None:
        super().__init__(method, http_conn_id=partner_api_conn_id, tcp_keep_alive=False)
        self.partner_api_conn_id = partner_api_conn_id
        self.deadline_s = EXCHANGE_DEADLINE_S if deadline_s is None else deadline_s
        self.pool_slots = pool_slots

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
        content: bytes | None = None,
    ) -> Answer:
        """Send exactly `content` to `path` and return the answer, whatever its status.

        :raises TransportError: if no complete answer arrived before the deadline
        :raises ConfigurationError: if the Airflow connection is missing or wrong
        :raises UntrustedHostError: if the partner's certificate is not trusted; nothing was sent
        """
        target = self._target
        if not target.loopback:
            pacer_for(target.base_url, self.pool_slots).wait()
        return send(target, method, path, deadline_s=self.deadline_s, query=query, content=content)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the partner accepts the token, and in one sentence what is wrong if not."""
        try:
            extra = self.get_connection(self.partner_api_conn_id).extra_dejson
            enterprise = str(extra.get("enterprise_id") or "-")
            path = f"{path_of_enterprise(enterprise)}/partners/connections"
            answer = self.exchange("GET", path, query=[("pageNumber", "0"), ("pageSize", "1")])
        except ConfigurationError as error:
            return False, error.message
        except TransportError as error:
            return False, f"{self.base_url} gives no answer: {error}"
        return _verdict(answer, enterprise)

    @cached_property
    def _target(self) -> Target:
        return target_of(self.partner_api_conn_id)


def _verdict(answer: Answer, enterprise: str) -> tuple[bool, str]:
    status = answer.status
    if partners_word(answer.content) is None:
        return False, f"HTTP {status} from something else than the partner: {words_of(answer)}"
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
