"""The partner file: everything about one partner that is not a secret, one TOML file each."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    field_validator,
)

from settlement.config.api_version import FIRST, ApiVersion, version_named
from settlement.config.fields import (
    clock_time,
    duration,
    duration_or_for_ever,
    known_calendar,
    known_timezone,
    nearest,
)
from settlement.config.limits import Approval, Limits, unknown_currencies
from settlement.errors import ConfigurationError
from settlement.values import PartnerName

_NAME = re.compile(r"[a-z0-9_]+", re.ASCII)

Duration = Annotated[timedelta, BeforeValidator(duration)]
DurationOrForEver = Annotated[timedelta | None, BeforeValidator(duration_or_for_ever)]
NamedVersion = Annotated[ApiVersion, PlainValidator(version_named), PlainSerializer(str)]
AirflowConnectionId = Annotated[str, Field(min_length=1)]

_EXAMPLES: Mapping[str, str] = {
    "enterprise_id": 'enterprise_id = "59cd72485007a239fb00282ed480da1f"',
    "api_version": 'api_version = "v1"',
    "amounts": 'amounts = "base_units"',
    "broker": "broker = false",
    "timezone": 'timezone = "America/New_York"',
    "cut_off": 'cut_off = "17:00"',
    "calendar": 'calendar = "weekdays"',
    "at": 'at = "17:00"',
    "from": "from = 2026-03-02",
    "first_business_date": "first_business_date = 2026-03-02",
    "settle_after": 'settle_after = "15m"',
    "watermark_wait": 'watermark_wait = "2h"',
    "max_connections_per_request": "max_connections_per_request = 500",
    "allow_empty_days": "allow_empty_days = false",
    "null_is_house": "null_is_house = false",
    "foreign_settlements": 'foreign_settlements = "stop"',
    "funding": 'funding = "warn"',
    "refusals": 'refusals = "isolate"',
    "look_up_first_after": 'look_up_first_after = "24h"',
    "late_trades": 'late_trades = "report"',
    "settled_within": 'settled_within = "6h"',
    "trade_memory": 'trade_memory = "for-ever"',
    "look_back": 'look_back = "35d"',
    "limits": "a section [limits] with lines such as requests_per_date = 200",
    "approval": "a section [approval] with lines such as gross = { BTC = 5000000000 }",
    "currencies": "a section [currencies] with a line BTC = 8",
    "warehouse_conn_id": 'warehouse_conn_id = "warehouse"',
    "ledger_conn_id": 'ledger_conn_id = "settlement_ledger"',
    "api_conn_id": 'api_conn_id = "partner_api"',
    "signing_conn_id": 'signing_conn_id = "signing_key"',
}
_CUT_OFF_KEYS = ("at", "calendar", "from")


class CutOff(BaseModel):
    """When business dates end, from one business date on.

    `at` is the local time of day; "00:00" is the midnight at the end of the business date.
    Of several entries, the one with the latest `from_` not after a business date applies to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_by_name=True)

    at: Annotated[time, BeforeValidator(clock_time)]
    calendar: Annotated[str, AfterValidator(known_calendar)] = "all-days"
    from_: date = Field(default=date.min, alias="from")


class PartnerFile(BaseModel):
    """One partner: a BitGo enterprise, its calendar, its currencies, its Airflow connections.

    `name` is the file's stem and the first part of every externalId. A `broker`'s clients settle
    with each other. `currencies` maps each known currency to its decimals. `settle_after` counts
    from the cut-off; `watermark_wait` counts from there, zero means that the warehouse's watermark
    is not waited for. An open slot older than `look_up_first_after` is looked up before anything
    is sent again. `settled_within` counts from `settle_after`: a date still not settled then is
    reported by the watch. The ids of a date's trades are remembered for `trade_memory` after the
    date, None: for ever. Settled dates whose ids are not remembered are compared with the warehouse
    first if they lie within `look_back` of the date that is computed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[PartnerName, Field(pattern=r"^[a-z0-9_]+$")]
    enterprise_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~-]+$")]
    api_version: NamedVersion = FIRST
    amounts: Literal["base_units", "full_units"] = "base_units"
    broker: bool = False
    timezone: Annotated[str, AfterValidator(known_timezone)]
    cut_offs: Annotated[tuple[CutOff, ...], Field(min_length=1)]
    first_business_date: date
    settle_after: Duration = timedelta(minutes=15)
    watermark_wait: Duration = timedelta(0)
    max_connections_per_request: Annotated[int, Field(ge=1)] = 500
    allow_empty_days: bool = False
    null_is_house: bool = False
    foreign_settlements: Literal["stop", "ignore"] = "stop"
    funding: Literal["warn", "refuse"] = "warn"
    refusals: Literal["isolate", "stop"] = "isolate"
    look_up_first_after: Duration = timedelta(hours=24)
    late_trades: Literal["report", "settle"] = "report"
    settled_within: Duration = timedelta(hours=6)
    trade_memory: DurationOrForEver = None
    look_back: Duration = timedelta(days=35)
    limits: Limits = Field(default_factory=Limits)
    approval: Approval = Field(default_factory=Approval)
    currencies: Annotated[
        dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(ge=0, le=38)]],
        Field(min_length=1),
    ]
    warehouse_conn_id: AirflowConnectionId = "warehouse"
    ledger_conn_id: AirflowConnectionId = "settlement_ledger"
    api_conn_id: AirflowConnectionId = "partner_api"
    signing_conn_id: AirflowConnectionId = "signing_key"

    @property
    def isolates(self) -> bool:
        """Whether a refused request is narrowed down; a broker's must net, so it stays whole."""
        return self.refusals == "isolate" and not self.broker

    @field_validator("cut_offs")
    @classmethod
    def _one_entry_per_start(cls, cut_offs: tuple[CutOff, ...]) -> tuple[CutOff, ...]:
        starts = [entry.from_ for entry in cut_offs]
        if len(set(starts)) < len(starts):
            raise ValueError("two entries have the same `from` date, or none at all")
        return cut_offs


def partners_dir() -> Path:
    """Folder of partner files: SETTLEMENT_PARTNERS_DIR, else include/partners of the project."""
    configured = os.environ.get("SETTLEMENT_PARTNERS_DIR")
    return Path(configured) if configured else Path(__file__).resolve().parents[2] / "partners"


def load_partner(name: str, folder: Path | None = None) -> PartnerFile:
    """Partner file of that name.

    :raises ConfigurationError: if there is no such file, or it is wrong; its faults are listed
    """
    folder = folder or partners_dir()
    path = folder / f"{name}.toml"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{path.name}: a partner's name is lower-case letters, digits and underscores, "
            f"because it starts every externalId; {name!r} is not. Rename the file"
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        names = sorted(other.stem for other in folder.glob("*.toml"))
        raise ConfigurationError(
            f"there is no partner {name!r}{nearest(name, names)}: {path} does not exist. "
            f"Partners of this folder: {', '.join(names) or 'none'}"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} cannot be read: {error.strerror}. Check the permissions of {path}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path.name} is not TOML: {error}. Correct it; demo.toml is an example"
        ) from error
    return _read(name, path.name, content)


def load_partners(folder: Path | None = None) -> dict[str, PartnerFile | ConfigurationError]:
    """All partner files of the folder by name; a broken one is the error that describes it.

    :raises ConfigurationError: if the folder does not exist
    """
    folder = folder or partners_dir()
    if not folder.is_dir():
        raise ConfigurationError(
            f"the folder of partner files {folder} does not exist. Create it, "
            "or set SETTLEMENT_PARTNERS_DIR to the right one"
        )
    return {path.stem: _load_or_error(path.stem, folder) for path in sorted(folder.glob("*.toml"))}


def _load_or_error(name: str, folder: Path) -> PartnerFile | ConfigurationError:
    try:
        return load_partner(name, folder)
    except ConfigurationError as error:
        return error


def _read(name: str, file: str, content: dict[str, Any]) -> PartnerFile:
    """Model of the file's content; `file` is the name that errors show."""
    fields = {key: value for key, value in content.items() if key not in {"cut_off", "calendar"}}
    known = [key for key in _EXAMPLES if key not in {"at", "from"}]
    problems = _unknown_keys(content, known, "")
    cut_off = content.get("cut_off")
    if isinstance(cut_off, list):
        for number, entry in enumerate(cut_off, start=1):
            if isinstance(entry, dict):
                problems += _unknown_keys(entry, _CUT_OFF_KEYS, f"cut_off entry {number}: ")
        if "calendar" in content:
            problems.append("calendar: belongs into each [[cut_off]] entry, not above them")
        fields["cut_offs"] = tuple(cut_off)
    elif cut_off is not None:
        short = {"at": cut_off}
        if "calendar" in content:
            short["calendar"] = content["calendar"]
        fields["cut_offs"] = (short,)
    if problems:
        raise _faults(file, problems)
    try:
        partner = PartnerFile.model_validate({**fields, "name": name})
    except ValidationError as error:
        short_form = not isinstance(cut_off, list)
        faults = [_fault(problem, short_form=short_form) for problem in error.errors()]
        raise _faults(file, faults) from None
    faults = unknown_currencies(partner.limits, partner.approval, partner.currencies)
    if faults:
        raise _faults(file, faults)
    return partner


def _unknown_keys(given: Mapping[str, Any], known: Iterable[str], where: str) -> list[str]:
    """One fault for each key that does not exist."""
    return [
        f"{where}{key}: there is no such key{nearest(key, known)}. Correct or remove it"
        for key in given
        if key not in known
    ]


def _fault(problem: Any, *, short_form: bool) -> str:
    """One fault that pydantic found, in the words of the file, with an example to follow."""
    path = list(problem["loc"])
    if path[0] == "cut_offs":
        path[0] = "cut_off"
        if short_form:
            path = ["calendar" if "calendar" in path else "cut_off"]
        elif len(path) > 1:
            path[1] = f"entry {path[1] + 1}"
    key = next(str(part) for part in reversed(path) if part in _EXAMPLES)
    says = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        says = "is missing"
    where = ".".join(str(part) for part in path)
    return f"{where}: {says}. Write it like this: {_EXAMPLES[key]}"


def _faults(file: str, problems: list[str]) -> ConfigurationError:
    return ConfigurationError("\n".join(f"{file}: {problem}" for problem in problems))
