"""Who is watched: everybody with a partner file, and everybody the ledger knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from settlement.config.partner_file import PartnerFile
from settlement.errors import ConfigurationError, SettlementError
from settlement.ledger.database import Ledger
from settlement.ledger.people.stop import stop_of
from settlement.partner.exchange import PartnerApi
from settlement.values import PartnerName
from settlement.warehouse import Warehouse
from settlement.watch.context import AirflowRuns, WatchContext
from settlement.watch.finding import Finding, Kind

DEFAULT_LEDGER = str(PartnerFile.model_fields["ledger_conn_id"].default)
Files = Mapping[str, PartnerFile | ConfigurationError]


@dataclass(frozen=True, slots=True)
class Openers:
    """How to open what a partner file names by its Airflow connection."""

    ledger: Callable[[str], AbstractContextManager[Ledger]]
    warehouse: Callable[[PartnerFile], Warehouse]
    api: Callable[[PartnerFile], PartnerApi]


def ledgers_of(files: Files) -> list[str]:
    """Airflow connections of all ledgers that partner files name; the default one if none does."""
    named = {each.ledger_conn_id for each in files.values() if isinstance(each, PartnerFile)}
    return sorted(named or {DEFAULT_LEDGER})


def watched(files: Files, in_ledgers: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Everybody to be watched, with the Airflow connection of their ledger.

    :param in_ledgers: names that each ledger knows
    """
    found = {name: conn_id for conn_id, names in in_ledgers.items() for name in names}
    for name, file in files.items():
        found[name] = file.ledger_conn_id if isinstance(file, PartnerFile) else DEFAULT_LEDGER
    return dict(sorted(found.items()))


def watch_partner(  # noqa: PLR0913 - all that may be known of a partner
    name: str,
    file: PartnerFile | ConfigurationError | None,
    ledger_conn_id: str,
    openers: Openers,
    *,
    runs: AirflowRuns | None = None,
    daily: bool = True,
) -> list[Finding]:
    """All findings about one partner.

    :param file: its partner file, what is wrong with it, or None if there is none
    :param runs: what Airflow says of the partner's runs
    :param daily: make the daily checks too
    """
    from settlement.watch.checks import find_all, not_checked  # noqa: PLC0415 - numpy, only here

    if isinstance(file, ConfigurationError):
        return [broken_file(name, file)]
    try:
        with openers.ledger(ledger_conn_id) as ledger:
            if file is None:
                return without_file(ledger, name)
            context = WatchContext(
                ledger=ledger,
                partner=file,
                open_warehouse=lambda: openers.warehouse(file),
                open_api=lambda: openers.api(file),
                runs=runs,
                now=ledger.now(),
                thorough=daily,
            )
            return find_all(context)
    except SettlementError as error:
        return [not_checked(name, "the ledger", error)]


def broken_file(name: str, error: ConfigurationError) -> Finding:
    """Its runs fail, and it cannot be watched."""
    text = f"no date is settled, and none is watched: {error.message.replace(chr(10), '; ')}"
    return Finding(Kind.BROKEN_PARTNER_FILE, name, text)


def without_file(ledger: Ledger, name: str) -> list[Finding]:
    """A partner whose file is gone; one that was stopped before was taken out on purpose."""
    with ledger.transaction() as tx:
        if stop_of(tx, PartnerName(name)) is not None:
            return []
    text = (
        "the ledger knows this partner and there is no partner file of that name: put the file "
        "back, or stop the partner before its file is taken out"
    )
    return [Finding(Kind.NO_PARTNER_FILE, name, text)]
