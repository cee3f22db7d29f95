"""docs/partner-api.md: every section that is cited exists, and it agrees with the code's facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from partner_sandbox.settings import Settings
from settlement.partner.contract.published import published

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "partner-api.md"
PAGE = FILE.read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#{2,3} ((\d+(?:\.\d+)?)\.? .+)$", PAGE, flags=re.MULTILINE)
SECTIONS = {number for _, number in HEADINGS}
CITING = [
    file
    for place in ("README.md", "CHANGELOG.md", "include", "plugins", "dags", "tests", "docs")
    for file in ([ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*")))
    if file.suffix in {".py", ".md", ".toml", ".sql", ".sh", ".yaml", ".json"}
    and file != Path(__file__)
]
PAGES = [file for file in CITING if file.suffix == ".md"]

NUMBER = r"\d+(?:\.\d+)?"
CITATION = re.compile(
    rf"(?<!RFC \d{{4}}, )\b[Ss]ections? ({NUMBER}(?:(?:, and |, | and | or | to |-){NUMBER})*)"
)
VAGUE = re.compile(r"\b[Pp]artner API,? (?:\d|sections? (?!\d))")
"""A citation that names no section, or not as one."""


def one_line(text: str) -> str:
    """The text without its line breaks, the marks of comments and the quotes of joined strings."""
    joined = re.sub(r"[\"']?[ \t]*\n\s*(?:(?:#+|--|//|>)\s)?(?:[rf]?[\"'])?", " ", text)
    return re.sub(r" +", " ", joined)


def cited(text: str) -> Iterator[str]:
    """Numbers of the sections that a text cites, ranges in full."""
    for match in CITATION.finditer(one_line(text)):
        for part in re.split(r", and |, | and | or ", match[1]):
            first, *last = re.split(r" to |-", part)
            yield first
            if last:
                yield from between(first, last[0])


def between(first: str, last: str) -> Iterator[str]:
    """Numbers after `first`, up to `last`: of chapters, or of sections of one chapter."""
    chapter, dot, begin = first.rpartition(".")
    assert last.rpartition(".")[0] == chapter
    for number in range(int(begin) + 1, int(last.rpartition(".")[2]) + 1):
        yield f"{chapter}{dot}{number}"


def anchor(heading: str) -> str:
    """The anchor that a heading of a page gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(number: str) -> str:
    """The text of a section, up to the next one."""
    ((heading, _),) = [each for each in HEADINGS if each[1] == number]
    rest = PAGE.split(f" {heading}\n", 1)[1]
    return re.split(r"^#{2,3} \d", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(first_cell: str) -> list[list[str]]:
    """Cells of the rows of the table whose head begins with this cell."""
    ((_, table),) = re.findall(
        rf"^(\| {re.escape(first_cell)} \|.*)\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE
    )
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""Disputes (partner API, section 9.5)."""', ["9.5"]),
        ("(partner API, sections 1 and 6), so a status", ["1", "6"]),
        ("Partner API, sections 8 and 9. Every", ["8", "9"]),
        ("(partner API, sections 5 to 7)", ["5", "6", "7"]),
        ("sections 9.1 to 9.3, and section 14", ["9.1", "9.2", "9.3", "14"]),
        ("sections 1, 3, and 9.4", ["1", "3", "9.4"]),
        ("# (partner API,\n    # section 12.3)", ["12.3"]),
        ("-- partner API, sections 4\n-- and 5", ["4", "5"]),
        ('"see partner API, section "\n        f"9.6"', ["9.6"]),
        ("> partner API, section\n> 11", ["11"]),
        ("a section on signatures; RFC 9110, section 10.2; 3 sections", []),
    ],
)
def test_a_citation_is_found_however_it_is_written(text: str, expected: list[str]) -> None:
    """One, two, ranges; over line breaks, comments and joined strings."""
    assert list(cited(text)) == expected


def test_every_section_that_is_cited_exists() -> None:
    """Anywhere in code, tests and docs, and in the page itself."""
    found = [(file, number) for file in CITING for number in cited(file.read_text())]
    assert len(found) > 60
    assert {"1", "2", "9.5", "11", "12.3", "14"} <= {number for _, number in found}
    missing = [f"{file.relative_to(ROOT)}: {each}" for file, each in found if each not in SECTIONS]
    assert missing == []


def test_every_citation_names_a_section() -> None:
    """By its number: a title may change, and nobody would notice."""
    vague = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in CITING
        for match in VAGUE.finditer(one_line(file.read_text()))
    ]
    assert vague == []


def test_sections_are_numbered_in_order() -> None:
    """None twice, none left out."""
    numbers = [[int(part) for part in number.split(".")] for _, number in HEADINGS]
    assert numbers[0] == [0]
    for before, after in pairwise(numbers):
        assert after in ([before[0] + 1], [*before[:1], (before[1:] or [0])[0] + 1])


def test_every_link_to_a_section_leads_to_one() -> None:
    """Of the page, from any page."""
    headings = re.findall(r"^#+ (.+)$", PAGE, flags=re.MULTILINE)
    anchors = {anchor(each) for each in headings}
    links = [
        (file.name, link)
        for file in PAGES
        for link in re.findall(r"partner-api\.md#([\w-]+)", file.read_text())
    ]
    links += [(FILE.name, link) for link in re.findall(r"^\[.+\]: *#(.+)$", PAGE, re.MULTILINE)]
    assert len(links) > 10
    assert [each for each in links if each[1] not in anchors] == []


def test_every_source_that_is_named_has_an_address_and_the_other_way_round() -> None:
    """A tag without an address is a fact without a source."""
    defined = set(re.findall(r"^\[([^\]]+)\]:\s+(?:https://|#)\S+$", PAGE, re.MULTILINE))
    prose = re.sub(r"^\[[^\]]+\]:\s+\S+$|^    .*$|`[^`]*`", "", PAGE, flags=re.MULTILINE)
    used = set(re.findall(r"\[([^\]]+)\](?!\()", prose))
    assert used == defined


@pytest.mark.parametrize("number", sorted(SECTIONS - {"0", "13", "14"}))
def test_every_section_says_where_it_was_read(number: str) -> None:
    """Its own source, or that of the sections within it."""
    within = [each for each in SECTIONS if each == number or each.startswith(f"{number}.")]
    within += [number.split(".", maxsplit=1)[0]]
    assert any(re.search(r"\[(OAS|SDK|RUN|GUIDE)\b", section(each)) for each in within)


def test_no_line_is_too_long_to_read() -> None:
    """Tables too; addresses are not read."""
    lines = [each for each in PAGE.splitlines() if not each.startswith(("[", "    https"))]
    assert [each for each in lines if len(each) >= 120] == []


@pytest.mark.parametrize("name", sorted(published().routes))
def test_every_route_that_is_called_is_described(name: str) -> None:
    """With its method, version and path."""
    route = published().routes[name]
    path = re.sub(r"<(\w+)>", r"{\1}", route.path)
    whole = f"{route.method} /api/network/{route.version}/enterprises/{{enterpriseId}}/{path}`"
    below = rf"`{route.method} {re.escape(path)}[`?]"
    assert whole in PAGE or (route.version == "v1" and re.search(below, section_of_reads()))


def section_of_reads() -> str:
    """Section 9 with its parts: its paths are below the enterprise, in version 1."""
    assert "below `/api/network/v1/enterprises/{enterpriseId}/`" in section("9")
    return "\n".join(section(each) for each in SECTIONS if each.split(".")[0] == "9")


ENUMS = {
    "settlement_status": r"Status of a settlement: ([^.]+)\.",
    "transfer_status": r"Status of a transfer: ([^.]+)\.",
    "settlement_type": r"\| `settlementType` \| ([^|]+) \|",
    "closure_status": r"\| `status` \| (`pending_review`[^|]+) \|",
    "closed_by": r"\| `closedBy` \| ([^|]+) \|",
    "policy_result": r"\| `policyResult` \| ([^|]+) \|",
}


@pytest.mark.parametrize("name", sorted(published().enums))
def test_every_value_of_an_enum_is_named_and_no_other(name: str) -> None:
    """As in the file of facts."""
    (text,) = re.findall(ENUMS[name], PAGE)
    assert set(re.findall(r"`(\w+)`", text)) == published().enums[name].values


TABLES = {
    "settlement": "field of a settlement",
    "transfer": "field of a transfer",
    "dispute": "field of a dispute",
    "closure": "field of a closure",
    "connection": "field of a connection",
    "account": "field of an account, of a connection",
    "balance": "field of a balance",
    "partner": "field of a partner",
    "currency": "field of a currency",
    "balances_answer": "field of the answer with balances",
    "currencies_answer": "field of the answer with currencies",
}
AS_IN_CLOSURES = {"settlementId", "txIds"}
"""Of a transfer: a closure's adjustments may lack them, and the file of facts has one object."""


@pytest.mark.parametrize("name", sorted(TABLES))
def test_every_field_is_described_and_no_other(name: str) -> None:
    """And required where the file of facts says so."""
    described = {cells[0].strip("`"): set(cells[2:]) == {"yes"} for cells in rows(TABLES[name])}
    facts = {field: fact.required for field, fact in published().objects[name].items()}
    if name == "transfer":
        assert not any(facts[each] for each in AS_IN_CLOSURES)
        facts |= dict.fromkeys(AS_IN_CLOSURES, True)
    assert described == facts


def test_every_other_answer_is_one_object_that_is_described() -> None:
    """A field or four that are all required."""
    others = published().objects.keys() - TABLES.keys()
    assert others == {
        "payload_answer",
        "submit_answer",
        "settlements_answer",
        "settlement_answer",
        "disputes_answer",
        "connections_answer",
        "partners_answer",
    }
    for name in others:
        for field, fact in published().objects[name].items():
            assert fact.required
            assert f'"{field}": ' in PAGE


def test_the_open_points_name_every_switch_of_the_sandbox_and_no_other() -> None:
    """An assumption that cannot be switched is one that a client may come to rely on."""
    named = {name for cells in rows("open") for name in re.findall(r"`([a-z_]+)`", cells[1])}
    switches = set(Settings.model_fields)
    assert named - {"error", "name"} == switches
