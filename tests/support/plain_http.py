"""The partner API over the plainest HTTP: for processes that are about to be killed."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Sequence
from urllib.parse import quote, urlencode, urlsplit

from partner_sandbox.demo_world import DEMO_TOKEN
from settlement.partner.exchange import Answer, TransportError

TIMEOUT_S = 30


class PlainHttpApi:
    """One exchange per network connection; `pass_moment` is told how far a submit has come."""

    def __init__(self, base_url: str, pass_moment: Callable[[str], None] = lambda _: None) -> None:
        self.base_url = base_url
        self._pass_moment = pass_moment

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Send, in two halves, and read the answer."""
        is_submit = method == "POST" and path.endswith("/partners/settlements")
        pass_moment = self._pass_moment if is_submit else lambda _: None
        target = quote(path) + (f"?{urlencode(query)}" if query else "")
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=TIMEOUT_S)
        sent = content or b""
        half = len(sent) // 2
        try:
            pass_moment("attempt written")
            connection.putrequest(method, target)
            connection.putheader("Authorization", f"Bearer {DEMO_TOKEN}")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(sent)))
            connection.endheaders(sent[:half])
            pass_moment("half sent")
            connection.send(sent[half:])
            pass_moment("bytes left")
            response = connection.getresponse()
            answer = response.read()
            pass_moment("answer read")
        except (OSError, http.client.HTTPException) as error:
            raise TransportError(str(error)) from error
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answer, headers)
