"""A partner file is either right or an error that a newcomer can act on."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from settlement.config.partner_file import PartnerFile, load_partner, load_partners, partners_dir
from settlement.errors import ConfigurationError

GOOD = """
enterprise_id = "ent1"
timezone = "Europe/London"
cut_off = "17:00"
first_business_date = 2026-03-02
[currencies]
BTC = 8
"""


@pytest.fixture
def write(tmp_path):
    """Write a partner file and return its folder."""

    def _write(content: str, name: str = "acme"):
        (tmp_path / f"{name}.toml").write_text(content, encoding="utf-8")
        return tmp_path

    return _write


def fault(folder, name: str = "acme") -> str:
    """Text of the error that loading the partner raises."""
    with pytest.raises(ConfigurationError) as caught:
        load_partner(name, folder)
    return str(caught.value)


def test_the_shipped_demo_loads():
    """The file that everybody starts from is valid, and holds what its comments say."""
    demo = load_partner("demo")
    assert (demo.name, demo.enterprise_id, demo.timezone) == (
        "demo",
        "demo-enterprise",
        "America/New_York",
    )
    assert [(entry.at, entry.calendar) for entry in demo.cut_offs] == [(time(17), "all-days")]
    assert demo.first_business_date == date(2026, 3, 2)
    assert demo.settle_after == timedelta(minutes=15)
    assert demo.max_connections_per_request == 40
    assert len(demo.currencies) == 8
    assert [name for name, places in demo.currencies.items() if places == 18] == ["ETH", "MATIC"]


def test_defaults_are_the_documented_ones(write):
    """A short file gets v1, base units, no wait for a watermark, and the standard connections."""
    partner = load_partner("acme", write(GOOD))
    assert partner == PartnerFile(
        name="acme",
        enterprise_id="ent1",
        api_version="v1",
        amounts="base_units",
        timezone="Europe/London",
        cut_offs=partner.cut_offs,
        first_business_date=date(2026, 3, 2),
        settle_after=timedelta(minutes=15),
        watermark_wait=timedelta(0),
        max_connections_per_request=500,
        allow_empty_days=False,
        null_is_house=False,
        foreign_settlements="stop",
        look_up_first_after=timedelta(hours=24),
        trade_memory=None,
        look_back=timedelta(days=35),
        currencies={"BTC": 8},
        warehouse_conn_id="warehouse",
        ledger_conn_id="settlement_ledger",
        api_conn_id="partner_api",
        signing_conn_id="signing_key",
    )


def test_cut_off_entries_carry_their_start(write):
    """The long form holds several cut-offs, each with its calendar and first date."""
    long_form = GOOD.replace('cut_off = "17:00"', "") + (
        '[[cut_off]]\nat = "17:00"\n'
        '[[cut_off]]\nat = 16:00:00\ncalendar = "NYSE"\nfrom = 2026-07-01\n'
    )
    entries = load_partner("acme", write(long_form)).cut_offs
    assert [(entry.at, entry.calendar) for entry in entries] == [
        (time(17), "all-days"),
        (time(16), "NYSE"),
    ]
    assert entries[1].from_ == date(2026, 7, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("timezone", "time_zone", "time_zone: there is no such key (did you mean 'timezone'?)"),
        ('cut_off = "17:00"', 'cut_offs = "17:00"', "(did you mean 'cut_off'?)"),
        ('enterprise_id = "ent1"', 'name = "x"', "name: there is no such key"),
        ("Europe/London", "Europe/Londn", "did you mean 'Europe/London'?"),
        ("Europe/London", "europe", "'europe' is not an IANA time zone"),
        ("Europe/London", "Europe", "'Europe' is not an IANA time zone"),
        ('"17:00"', '"25:00"', "cut_off: '25:00' is not a time of day"),
        ('"17:00"', '"5pm"', 'Write it like this: cut_off = "17:00"'),
        ('"17:00"', "17:00:30", "cut_off: 17:00:30 must be a whole minute"),
        ('"17:00"', "17", "cut_off: Input should be a valid time"),
        ('"17:00"', '"17:00"\ncalendar = "NYSEE"', "calendar: 'NYSEE' is not a calendar (did you"),
        ('"17:00"', '"17:00"\ncalendar = "moon"', "valid are all-days, weekdays, ASX,"),
        ("2026-03-02", '"2026-03-02"', "Write it like this: first_business_date = 2026-03-02"),
        ("2026-03-02", "2026-03-02T00:00:00Z", "first_business_date: Input should be a valid date"),
        ('"ent1"', '"a/b"', "enterprise_id: String should match pattern"),
        ('"ent1"', '""', "enterprise_id"),
        ("BTC = 8", "BTC = -1", "currencies.BTC: Input should be greater"),
        ("BTC = 8", 'BTC = "8"', "currencies.BTC: Input should be a valid integer"),
        ("BTC = 8", "BTC = true", "currencies.BTC: Input should be a valid integer"),
        ("BTC = 8", "", "currencies: Dictionary should have at least 1 item"),
        ('enterprise_id = "ent1"', "", "enterprise_id: is missing. Write it like this: enterpr"),
        ('cut_off = "17:00"', "", "cut_off: is missing"),
        ("[currencies]", 'settle_after = "15"\n[currencies]', "settle_after: '15' is not a whole"),
        (
            "[currencies]",
            "settle_after = 15\n[currencies]",
            "settle_after: Input should be a valid",
        ),
        ("[currencies]", 'settle_after = "-1m"\n[currencies]', "settle_after: '-1m' is not a"),
        ("[currencies]", 'trade_memory = "ever"\n[currencies]', "s, m, h or d, nor 'for-ever'. Wr"),
        ("[currencies]", "trade_memory = false\n[currencies]", "trade_memory: Input should be a v"),
        ("[currencies]", 'look_back = "for-ever"\n[currencies]', "look_back: 'for-ever' is not a"),
        ("[currencies]", 'api_version = "v3"\n[currencies]', "Input should be 'v1' or 'v2'"),
        ("[currencies]", 'allow_empty_days = "no"\n[currencies]', "allow_empty_days: Input should"),
        ("[currencies]", "max_connections_per_request = 0\n[currencies]", "greater than or equal"),
        (
            "BTC = 8",
            "BTC = 8\n[limits]\ngross_per_date = { btc = 1 }",
            "limits.gross_per_date.btc: there is no such currency in [currencies] (did you mean",
        ),
        (
            "BTC = 8",
            "BTC = 8\n[limits]\ngross_per_day = { BTC = 1, USD = 1 }",
            "acme.toml: limits.gross_per_day.USD: there is no such currency in [currencies].",
        ),
        ("BTC = 8", "BTC = 8\n[approval]\ngross = { USD = 1 }", "approval.gross.USD: there is no"),
        (
            "BTC = 8",
            "BTC = 8\n[limits]\ngross_per_day = { BTC = -1 }",
            "limits.gross_per_day.BTC: ",
        ),
        (
            "BTC = 8",
            "BTC = 8\n[limits]\ngross_per_day = { BTC = 1.5 }",
            "should be a valid integer",
        ),
        ("BTC = 8", "BTC = 8\n[limits]\ngross_day = { BTC = 1 }", "limits.gross_day: Extra inputs"),
        ("BTC = 8", "BTC = ", "acme.toml is not TOML"),
        ("BTC = 8", "BTC = 8\nBTC = 8", "acme.toml is not TOML"),
    ],
)
def test_a_fault_names_file_key_and_next_step(write, old, new, expected):
    """Each way to get the file wrong is explained in the words of the file."""
    assert old in GOOD
    text = fault(write(GOOD.replace(old, new)))
    assert "acme.toml" in text
    assert expected in text


@pytest.mark.parametrize(
    ("text", "memory"), [("for-ever", None), ("400d", timedelta(days=400)), ("0d", timedelta(0))]
)
def test_trades_are_remembered_for_ever_or_for_a_time(write, text, memory):
    """A partner with many millions of trades a day may let the ledger forget."""
    keys = f'trade_memory = "{text}"\nlook_back = "10d"\n[currencies]'
    partner = load_partner("acme", write(GOOD.replace("[currencies]", keys)))
    assert partner.trade_memory == memory
    assert partner.look_back == timedelta(days=10)


def test_limits_may_be_larger_than_64_bits(write):
    """Ten million units of a currency with 18 decimals, to the last base unit."""
    limits = f"\n[limits]\ngross_per_date = {{ BTC = {10**25 + 1} }}"
    assert load_partner("acme", write(GOOD + limits)).limits.gross_per_date == {"BTC": 10**25 + 1}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ('[[cut_off]]\nat = "17:00"\nform = 2026-07-01\n', "entry 1: form: there is no such key"),
        ('[[cut_off]]\ncalendar = "NYSE"\n', "cut_off.entry 1.at: is missing"),
        ('[[cut_off]]\nat = "24:00"\n', "cut_off.entry 1.at: '24:00' is not a time"),
        ('[[cut_off]]\nat="17:00"\n[[cut_off]]\nat="16:00"\n', "two entries have the same `from`"),
        ("cut_off = []\n", "cut_off: Tuple should have at least 1 item"),
        ('cut_off = ["17:00"]\n', "cut_off.entry 1: Input should be a valid dictionary"),
        ('calendar = "NYSE"\n[[cut_off]]\nat = "17:00"\n', "belongs into each [[cut_off]] entry"),
    ],
)
def test_a_fault_in_a_cut_off_entry_names_the_entry(write, entries, expected):
    """With several entries, the error says which one."""
    head, currencies = GOOD.replace('cut_off = "17:00"\n', "").split("[currencies]")
    assert expected in fault(write(f"{head}{entries}[currencies]{currencies}"))


def test_all_faults_are_reported_at_once(write):
    """Nobody has to run the check five times to find five faults."""
    text = fault(write('timezone = "Mars"\n'))
    assert all(key in text for key in ("enterprise_id", "timezone", "first_business", "currencies"))


def test_a_missing_partner_names_the_nearest_and_all_there_are(write):
    """A typo on the command line is one hint away from right."""
    write(GOOD, "acme")
    assert "did you mean 'acme'?" in fault(write(GOOD, "zeta"), "acmee")
    assert "acme, zeta" in fault(write(GOOD, "zeta"), "acmee")


@pytest.mark.parametrize("name", ["Acme", "acme-1", "../acme", "", "acmé"])
def test_a_name_that_cannot_start_an_external_id_is_refused(write, name):
    """A hyphen or a capital letter would make externalIds ambiguous."""
    assert "lower-case letters" in fault(write(GOOD), name)


def test_a_file_that_is_not_text_is_an_error_not_a_crash(tmp_path):
    """A file in another encoding is named."""
    (tmp_path / "acme.toml").write_bytes(b'enterprise_id = "\xff"')
    assert "acme.toml is not TOML" in fault(tmp_path)


def test_a_byte_order_mark_is_not_part_of_the_file(tmp_path):
    """Some editors of Windows write one; the file looks the same to whoever edits it."""
    (tmp_path / "acme.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.lstrip().encode())
    assert load_partner("acme", tmp_path).currencies == {"BTC": 8}


def test_a_broken_file_does_not_hide_the_others(write):
    """Loading the folder gives the good partners, and the error of the broken one."""
    write(GOOD, "good")
    partners = load_partners(write(GOOD.replace("timezone", "tz"), "broken"))
    assert list(partners) == ["broken", "good"]
    assert isinstance(partners["broken"], ConfigurationError)
    assert isinstance(partners["good"], PartnerFile)


def test_the_folder_can_be_elsewhere(write, monkeypatch, tmp_path):
    """SETTLEMENT_PARTNERS_DIR points at another folder, and a missing one is said so."""
    monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(write(GOOD)))
    assert list(load_partners()) == ["acme"]
    monkeypatch.setenv("SETTLEMENT_PARTNERS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="SETTLEMENT_PARTNERS_DIR"):
        load_partners()
    monkeypatch.delenv("SETTLEMENT_PARTNERS_DIR")
    assert (partners_dir() / "demo.toml").is_file()


def test_a_partner_file_cannot_be_changed_after_loading():
    """What was checked is what is used."""
    with pytest.raises(ValueError, match="frozen"):
        load_partner("demo").timezone = "UTC"
