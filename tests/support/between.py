"""Something between us and the partner, which changes answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from settlement.partner.exchange import Answer, PartnerApi

Change = Callable[[Answer], Answer]
About = Callable[[str, str], bool]


class Between:
    """Something between us and the partner: changes answers to the requests that it is told to."""

    def __init__(self, api: PartnerApi) -> None:
        self.api = api
        self.seen: list[tuple[str, str]] = []
        self.gone()

    @property
    def base_url(self) -> str:
        """That of the partner."""
        return self.api.base_url

    def exchange(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
    ) -> Answer:
        """Pass it on; change the answer."""
        self.seen.append((method, path))
        answer = self.api.exchange(method, path, query=query, content=content)
        return self.change(answer) if self.about(method, path) else answer

    def put(self, about: About, change: Change) -> None:
        """From now on."""
        self.about, self.change = about, change

    def gone(self) -> None:
        """From now on the partner is reached directly."""
        self.put(lambda _method, _path: False, lambda answer: answer)


def asks_payload(_method: str, path: str) -> bool:
    """A request for a signing payload."""
    return path.endswith("/settlements-signing")


def sends(method: str, path: str) -> bool:
    """A submit."""
    return method == "POST" and path.endswith("/partners/settlements")


def lists(method: str, path: str) -> bool:
    """The list of settlements, as look-ups by externalId ask for it."""
    return method == "GET" and path.endswith("/partners/settlements")


def reads_one(method: str, path: str) -> bool:
    """One settlement with its transfers."""
    return method == "GET" and "/partners/settlements/" in path
