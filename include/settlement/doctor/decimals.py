"""Whether the partner file gives currencies other decimals than the rest of the world does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok

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


def look_at_decimals(partner: PartnerFile) -> Iterator[Diagnosis]:
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
