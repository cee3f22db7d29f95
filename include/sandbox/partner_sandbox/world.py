"""The world that the sandbox stands for: partners, their clients' connections, balances."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from partner_sandbox import bip32
from partner_sandbox.amounts import BaseUnits, Unit
from partner_sandbox.ids import made_up_id

Scope: TypeAlias = Literal["settlement_network_read", "settlement_network_write"]
READ: Scope = "settlement_network_read"
WRITE: Scope = "settlement_network_write"

AMPLE_BALANCE = 10**36
"""A balance that no rehearsal exhausts."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def changed(self, **changes: object) -> Self:
        """Return a validated copy with changes.

        Unlike `model_copy`, it carries over nothing that was derived from the old values.
        """
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**values, **changes})


class Token(_Model):
    """An access token, its user and its scopes (partner API, section 2)."""

    value: str = Field(min_length=1, repr=False)
    user_id: str = Field(default="sandbox-user", min_length=1)
    scopes: frozenset[Scope] = frozenset({READ, WRITE})


class Connection(_Model):
    """One client at one partner (partner API, sections 3 and 9.4)."""

    id: str
    name: str = Field(min_length=1)
    active: bool = True
    refused_with: str | None = None
    """Error of the 422 that every settlement with this client gets; None: it is settled."""
    balances: Mapping[str, BaseUnits] = Field(default_factory=dict)
    """Allocated balances at the start, in base units, where they differ from the default."""
    network_account_id: str = ""
    client_id: str = ""
    partners_connection_id: str | None = None
    partners_client_id: str | None = None

    @field_validator("id")
    @classmethod
    def _canonical(cls, value: str) -> str:
        if str(uuid.UUID(value)) != value:
            raise ValueError(f"'{value}' is not a UUID in canonical lower case")
        return value

    @property
    def account_id(self) -> str:
        """The network account that holds what the client allocated."""
        return self.network_account_id or made_up_id("account", self.id)

    @property
    def owner_id(self) -> str:
        """The client."""
        return self.client_id or made_up_id("client", self.id)

    @property
    def trading_account_id(self) -> str:
        """The client's Go Account."""
        return made_up_id("trading account", self.id).replace("-", "")


class Partner(_Model):
    """A platform, its enterprise at the custodian and its clients."""

    name: str = Field(min_length=1)
    enterprise_id: str = Field(min_length=1)
    public_key: str
    """Of the signing key: 66 hex characters, compressed, or an xpub."""
    tokens: tuple[Token, ...]
    currencies: Mapping[str, int]
    """Decimals per currency."""
    connections: tuple[Connection, ...] = ()
    unit: Unit = "base_units"
    """How amounts are spelled on the wire; this file and the control routes use base units."""
    since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    """When the connections were made."""
    broker: bool = False
    active: bool = True
    licensed: bool = True
    client_dispute_window_minutes: Annotated[int, Field(ge=0)] | None = None
    """How long clients may dispute a settlement; None: disputes are not set up."""
    top_up_window_minutes: Annotated[int, Field(ge=0)] | None = None
    """How long the partner may fund a settlement after the dispute window; None: not at all."""
    balances: Mapping[str, BaseUnits] = Field(default_factory=dict)
    """The partner's own account at the start, where it differs from the default."""
    default_balance: BaseUnits = AMPLE_BALANCE
    """Balance at the start of every account and currency that names none."""

    @field_validator("public_key")
    @classmethod
    def _readable_key(cls, value: str) -> str:
        bip32.public_key(value)
        return value

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        if self.client_dispute_window_minutes is None and self.top_up_window_minutes is not None:
            raise ValueError(
                "top_up_window_minutes follows a dispute window; set client_dispute_window_minutes"
            )
        return self

    @cached_property
    def id(self) -> str:
        """The partner's UUID."""
        return made_up_id("partner", self.enterprise_id)

    @cached_property
    def trading_account_id(self) -> str:
        """The partner's Go Account."""
        return made_up_id("trading account", self.id).replace("-", "")

    @cached_property
    def signing_key(self) -> bytes:
        """The compressed public key that signatures are checked against."""
        return bip32.public_key(self.public_key)

    @cached_property
    def connection_by_id(self) -> Mapping[str, Connection]:
        """Connections by their id."""
        return {connection.id: connection for connection in self.connections}

    def initial_balance(self, account: str, currency: str) -> int:
        """Balance at the start of a connection's allocation, or of the partner's own account."""
        connection = self.connection_by_id.get(account)
        named = self.balances if connection is None else connection.balances
        return named.get(currency, self.default_balance)

    def require_known(self, currency: str, connection_id: str | None = None) -> None:
        """Raise `LookupError` for a currency or connection that the partner has not."""
        if currency not in self.currencies:
            raise LookupError(f"partner {self.name} has no currency {currency}")
        if connection_id is not None and connection_id not in self.connection_by_id:
            raise LookupError(f"partner {self.name} has no connection {connection_id}")


class World(_Model):
    """All partners; each enterprise belongs to one of them."""

    partners: tuple[Partner, ...]

    @model_validator(mode="after")
    def _unique(self) -> World:
        enterprises = [partner.enterprise_id for partner in self.partners]
        connections = [c.id for partner in self.partners for c in partner.connections]
        tokens = [token.value for partner in self.partners for token in partner.tokens]
        for what, values in (("enterprise", enterprises), ("connection", connections)):
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} is named twice; give each its own id")
        if len(set(tokens)) != len(tokens):
            raise ValueError("a token is named twice; give each its own value")
        return self

    @cached_property
    def partner_by_enterprise(self) -> Mapping[str, Partner]:
        """Partners by the id of their enterprise."""
        return {partner.enterprise_id: partner for partner in self.partners}

    @cached_property
    def partner_by_id(self) -> Mapping[str, Partner]:
        """Partners by their UUID."""
        return {partner.id: partner for partner in self.partners}

    @cached_property
    def token_by_value(self) -> Mapping[str, tuple[Partner, Token]]:
        """Tokens with the partner they belong to."""
        return {
            token.value: (partner, token) for partner in self.partners for token in partner.tokens
        }

    def partner(self, name: str | None = None) -> Partner:
        """Return the partner of that name; without a name, the only one there is.

        Raises:
            LookupError: no such partner, or a name is needed to tell several apart.

        """
        known = ", ".join(partner.name for partner in self.partners)
        if name is None:
            if len(self.partners) != 1:
                raise LookupError(f"name one of the partners: {known}")
            return self.partners[0]
        for partner in self.partners:
            if partner.name == name:
                return partner
        raise LookupError(f"no partner '{name}' in this world; it has: {known}")
