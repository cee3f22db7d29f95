"""Checks of the partner API: token, scopes, licence, settings, connections, currencies, clock."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from settlement.config.api_version import version_for
from settlement.config.partner_file import PartnerFile
from settlement.doctor.diagnosis import Diagnosis, note, ok, wrong
from settlement.partner.answers import partners_word
from settlement.partner.exchange import Answer, PartnerApi, TransportError
from settlement.partner.paths import enterprise_path
from settlement.partner.profile import (
    PartnerProfile,
    profiles_in,
    profiles_of,
    supported_currencies,
)
from settlement.partner.reads import PartnerReader
from settlement.partner.words import refuses_to_show, words_of
from settlement.wording import first_few

CLOCK_TOLERANCE = timedelta(seconds=30)
TOKEN = "access token"  # noqa: S105 - what the line is about
CALLED = "calls to the platform"
FINALIZE = (
    "at the end of the dispute window BitGo calls an endpoint (finalize) that the platform must "
    "host, and others for connections and allocations. This project hosts none of them and needs "
    "none as evidence. Ask BitGo what happens if nobody answers: only BitGo can say (see "
    "docs/disputes.md)"
)
ASKING = "asking for signing payloads"


def check_partner(api: PartnerApi, partner: PartnerFile, now: datetime) -> Iterator[Diagnosis]:
    """Token, its read scope, the licence; then what the partner says about itself.

    :param now: by the ledger's clock
    """
    try:
        answer = api.exchange("GET", f"{enterprise_path(partner)}/partners")
    except TransportError as error:
        yield wrong(TOKEN, f"{api.base_url} gives no answer ({error}): check host and network")
        return
    yield _of_token(partner, answer)
    yield from _of_clock(answer, now)
    if answer.status == HTTPStatus.OK:
        yield from _of_profile(api, partner, profiles_in(answer))


def check_write_scope(api: PartnerApi, partner: PartnerFile) -> Iterator[Diagnosis]:
    """Ask for the payload of an empty request: a partner that lets us in calls it malformed."""
    try:
        path = f"{enterprise_path(partner)}/partners/settlements-signing"
        answer = api.exchange("POST", path, content=b"{}")
    except TransportError as error:
        yield wrong(ASKING, f"no answer ({error}): try again")
        return
    if answer.status == HTTPStatus.BAD_REQUEST and partners_word(answer.content) is not None:
        yield ok(ASKING, "allowed: the token has the write scope")
    elif refuses_to_show(answer):
        yield wrong(
            ASKING,
            f"refused ({words_of(answer)}): give the token the scopes settlement_network_read and "
            "settlement_network_write",
        )
    else:
        yield note(ASKING, f"HTTP {answer.status} ({words_of(answer)}): cannot tell, try again")


def check_connections(reader: PartnerReader, traded: Collection[str]) -> Iterator[Diagnosis]:
    """All connections of the partner, and those that the newest trades name.

    :param traded: connections with a net position in the newest window
    """
    subject = "connections"
    connections = reader.connections()
    active = {each.id for each in connections if each.active}
    missing = sorted(set(traded) - active)
    if not active:
        yield wrong(subject, "the partner shows no active connection: nobody could be settled")
    elif missing:
        yield wrong(
            subject,
            f"trades name {_some(missing)}, which the partner does not show as active: correct "
            "them in the warehouse, or `settlement hold` them",
        )
    else:
        counted = f"{len(active)} active, {len(connections) - len(active)} inactive"
        yield ok(subject, f"{counted}; all {len(traded)} with trades are among the active ones")


def _of_token(partner: PartnerFile, answer: Answer) -> Diagnosis:
    if answer.status == HTTPStatus.OK:
        return ok(TOKEN, f"accepted for enterprise {partner.enterprise_id}, read scope included")
    said = words_of(answer)
    if not refuses_to_show(answer):
        return wrong(
            TOKEN,
            f"HTTP {answer.status} ({said}): cannot tell; check what is between us and "
            "the partner (proxy, address of the API), then try again",
        )
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return wrong(
            TOKEN,
            f"refused ({said}): check that it belongs to this environment and to a member of the "
            "enterprise, has not expired, and is used from an allowed address",
        )
    return wrong(
        TOKEN,
        f"accepted, but not allowed to read ({said}): check the scope "
        "settlement_network_read, the OES licence, and that the partner is active",
    )


def _of_clock(answer: Answer, now: datetime) -> Iterator[Diagnosis]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return
    off = abs(theirs - now)
    text = f"the ledger's clock and the partner's differ by {off.total_seconds():.0f} s"
    if off > CLOCK_TOLERANCE:
        yield wrong("clock", f"{text}: set the clock of the database's machine (NTP)")
    else:
        yield ok("clock", text)


def _of_profile(
    api: PartnerApi, partner: PartnerFile, profiles: list[PartnerProfile]
) -> Iterator[Diagnosis]:
    ours = profiles_of(partner, profiles)
    if len(ours) != 1:
        yield wrong(
            "partner",
            f"the enterprise has {len(ours)} partners ({_some([each.name for each in ours])}), "
            "not one: check enterprise_id in the partner file",
        )
        return
    profile = ours[0]
    if profile.licensed is False:
        yield wrong("partner", f"{profile.name}: the enterprise is not licensed for it; ask BitGo")
    elif profile.active:
        yield ok(
            "partner", f"{profile.name} is active{' and licensed' * (profile.licensed is True)}"
        )
    else:
        yield wrong("partner", f"{profile.name} is not active: have BitGo activate it")
    yield _of_disputes(partner, profile)
    if profile.dispute_window_minutes is not None:
        yield note(CALLED, FINALIZE)
    yield from _of_currencies(partner, supported_currencies(api, partner, profile.id))


def _of_disputes(partner: PartnerFile, profile: PartnerProfile) -> Diagnosis:
    """One of no minutes is a dispute window too: v2 settles at once (partner API, section 1)."""
    subject, minutes = "disputes", profile.dispute_window_minutes
    needed = version_for(may_dispute=minutes is not None)
    what = "not set up" if minutes is None else f"clients may dispute for {minutes} minutes"
    if partner.api_version.may_dispute is not needed.may_dispute:
        return wrong(subject, f'{what}: set api_version = "{needed}" in the partner file')
    pending = timedelta(minutes=(minutes or 0) + (profile.top_up_window_minutes or 0))
    if pending >= min(partner.settled_within, partner.look_up_first_after):
        return wrong(
            subject,
            f"{what}, and a settlement is pending for {pending} in all: set settled_within and "
            "look_up_first_after to more than that, or the watch reports dates that only wait",
        )
    return ok(subject, f'{what}, and api_version = "{partner.api_version}" fits')


def _of_currencies(partner: PartnerFile, supported: set[str]) -> Iterator[Diagnosis]:
    subject = "currencies"
    missing = sorted(set(partner.currencies) - supported)
    if not supported:
        yield note(subject, "the partner shows no supported currencies: cannot tell")
    elif missing:
        yield wrong(
            subject,
            f"the partner does not settle {_some(missing)}: correct their names under "
            "[currencies], or have BitGo add them",
        )
    else:
        yield ok(subject, f"all {len(partner.currencies)} of the partner file are supported")


def _some(names: list[str]) -> str:
    return first_few(names) or "none"
