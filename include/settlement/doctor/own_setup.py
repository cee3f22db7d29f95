"""Checks of what is ours beside the warehouse: ledger and bindings, decimals, the signing key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.ledger.binding import binding_of, bound_values
from settlement.ledger.bound_currencies import bound_decimals, decimals_conflict
from settlement.ledger.database import Ledger
from settlement.ledger.install.version import current_version, newest_version
from settlement.ledger.people.holds import holds_in_force
from settlement.ledger.people.stop import stop_of
from settlement.signing.signer import Signer, key_id_of, signer_of

WORTHLESS = "a test of the signing key"
FIAT: Mapping[str, int] = {
    **dict.fromkeys(("AUD", "CAD", "CHF", "EUR", "GBP", "HKD", "SGD", "USD"), 2),
    **dict.fromkeys(("JPY", "KRW"), 0),
    **dict.fromkeys(("BHD", "KWD"), 3),
}
"""Minor units by ISO 4217."""
COINS: Mapping[str, int] = {
    **dict.fromkeys(("AAVE", "DAI", "ETC", "ETH", "LINK", "MATIC", "POL", "SHIB", "UNI"), 18),
    **dict.fromkeys(("BCH", "BTC", "DOGE", "LTC", "WBTC"), 8),
    **dict.fromkeys(("ADA", "TRX", "USDC", "USDT", "XRP"), 6),
    "DOT": 10,
    "SOL": 9,
    "XLM": 7,
}
"""Smallest units of the coins' own protocols and of the token contracts on their main networks, as
BitGo's list of coins has them."""


def check_ledger(ledger: Ledger, partner: PartnerFile, base_url: str) -> Iterator[Diagnosis]:
    """Whether it answers, its version, and what it says about the partner."""
    with ledger.transaction() as tx:
        held = current_version(tx)
    if held != newest_version():
        yield wrong(
            "ledger",
            f"at version {held or 'none'}, this installation needs {newest_version()}: run "
            "`settlement ledger upgrade`",
        )
        return
    yield ok("ledger", f"answers, at version {held}")
    yield from _of_binding(ledger, partner, base_url)


def _of_binding(ledger: Ledger, partner: PartnerFile, base_url: str) -> Iterator[Diagnosis]:
    """What the partner's name is bound to, whether it is stopped, and who is on hold."""
    wanted = bound_values(partner, base_url)
    with ledger.transaction() as tx:
        held = binding_of(tx, partner.name)
        conflict = decimals_conflict(partner, bound_decimals(tx, partner.name))
        stop = stop_of(tx, partner.name)
        holds = holds_in_force(tx, partner.name)
    subject = "binding"
    if held is None:
        bound = f"{wanted['enterprise_id']} at {base_url}, {partner.amounts}"
        yield note(subject, f"the first run binds {partner.name} to {bound}")
    elif differing := [each for each in wanted if held[each] != wanted[each]]:
        was = ", ".join(f"{each} = {held[each]}" for each in differing)
        yield wrong(
            subject,
            f"bound to {was}, but the partner file or Airflow connection now says something else: "
            f"undo the edit, or `settlement bind {partner.name}`",
        )
    else:
        yield ok(subject, f"{partner.name} is bound to this account")
    if conflict is not None:
        yield wrong("bound decimals", conflict)
    if stop is not None:
        yield wrong(
            "stop flag",
            f"up since {stop.at.isoformat()} by {stop.who} ({stop.reason}): "
            f"`settlement go {partner.name}` lifts it",
        )
    for hold in holds:
        yield note("hold", f"{hold.connection_id} since {hold.at.isoformat()} ({hold.reason})")


def check_decimals(partner: PartnerFile) -> Iterator[Diagnosis]:
    """Currencies of which the usual decimals are known; the warehouse may count otherwise."""
    subject = "decimals"
    usual = {**FIAT, **COINS}
    known = {name: usual[name.upper()] for name in partner.currencies if name.upper() in usual}
    unusual = [
        f"{name} = {partner.currencies[name]} (usually {decimals})"
        for name, decimals in sorted(known.items())
        if partner.currencies[name] != decimals
    ]
    if unusual:
        yield note(
            subject,
            f"{', '.join(unusual)}: check that base units of the warehouse and of the partner are "
            "these, before the first date is settled",
        )
    else:
        yield ok(subject, f"the usual ones, as far as they are known ({len(known)} currencies)")


def check_signer(signer: Signer, *, key_is_expected: bool) -> Iterator[Diagnosis]:
    """Have a worthless text signed.

    :param key_is_expected: whether the Airflow connection says which key must sign
    """
    signed_by = key_id_of(signer_of(WORTHLESS, signer.sign(WORTHLESS)))
    if key_is_expected:
        yield ok("signing key", f"key {signed_by} signs, as expected")
    else:
        yield note(
            "signing key",
            f"key {signed_by} signs; set public_key in its Airflow connection, so "
            "that a wrong key is found before the partner refuses it",
        )
