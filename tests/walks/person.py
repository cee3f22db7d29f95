"""Somebody on call: walks through Airflow, and whatever is clicked and read is noted down."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from time import monotonic

from playwright.sync_api import Locator

from settlement_airflow.up.stack import APPROVER
from support.browser import Browser, log_in
from support.visitor import Visitor
from walks.picture import take_picture

AT_RISK_IN_LOG = re.compile(r"Money at risk: (.+?)\nNext: ", re.DOTALL)
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
LONGEST_RUN_MS = 300_000
"""Some runs follow one another before a page shows its end."""


@dataclass
class Person(Visitor):
    """One person. `steps`: what was done and read, a line each, in the words of the pages."""

    name: str = ""
    pictures: Path = Path()
    start: str = ""
    steps: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    others: list[Person] = field(default_factory=list)
    risk: str = ""
    risk_read_after_s: float = 0
    end: str = ""
    ended_after_s: float = 0
    began: float = 0

    @property
    def everybody(self) -> list[Person]:
        """Who takes part: this one, and whoever was called."""
        return [self, *self.others]

    # where one starts

    def begins_at_alert(self, dag_id: str, run_id: str, task: str) -> None:
        """The alert links to the log of the task that has failed."""
        self._begins("the link in the alert, which opens the log of the red task")
        self.browser.open_log(dag_id, run_id, task)

    def begins_at_home(self) -> None:
        """Airflow's first page."""
        self._begins("Airflow's *Home*")
        self.browser.page.goto(f"{self.browser.url}/")

    def begins_at_dags(self) -> None:
        """The list of all DAGs."""
        self._begins("Airflow's list of *Dags*")
        self.browser.page.goto(f"{self.browser.url}/dags")

    def calls_colleague(self) -> Person:
        """Somebody else, at a computer of their own, who begins at Home."""
        window = self.browser.page.context.browser
        assert window is not None
        page = window.new_page(viewport=self.browser.page.viewport_size)
        log_in(page, self.browser.url, APPROVER)
        other = Person(Browser(page, self.browser.url), name=self.name, pictures=self.pictures)
        other.steps = self.steps
        self.notes("**Somebody else**, at their own computer, begins at Airflow's *Home*.")
        other.begins_at_home()
        self.others.append(other)
        return other

    # what one reads

    def reads_risk_in_log(self) -> None:
        """In the log of a red task, the text of its failure."""
        text = self.browser.error_text()
        found = AT_RISK_IN_LOG.search(text)
        assert found, text
        self._has_read_risk(found[1])

    def reads_risk(self) -> None:
        """Above everything else on the page that is open."""
        verdict = self.pages.locator(".verdict").first
        verdict.wait_for()
        lines = map(in_a_line, verdict.inner_text().removeprefix("! ").splitlines())
        title, *items = filter(None, lines)
        self._has_read_risk(f"{title}: {'; '.join(items)}" if items else title)

    def reads(self, text: str) -> None:
        """A sentence, or its beginning: the whole of it is noted down."""
        found = self.pages.get_by_text(text).first
        found.wait_for(timeout=LONGEST_RUN_MS)
        self.steps.append(f"Read: “{in_a_line(found.inner_text())}”")

    def notes(self, sentence: str) -> None:
        """What happens meanwhile, or elsewhere."""
        self.steps.append(sentence)

    def sees_end(self, locator: Locator) -> None:
        """What the walk is to come to; the page shows it by itself."""
        locator.wait_for(timeout=LONGEST_RUN_MS)
        self.end = in_a_line(locator.inner_text())
        self.ended_after_s = monotonic() - self.began

    def sees_held(self) -> None:
        """Everybody of the date that is open is settled, but for whom somebody has put on hold."""
        self.sees_end(self.pages.locator("h1", has_text="on hold"))

    def sees_settled(self) -> None:
        """The date of the page that is open is proved settled."""
        self.sees_end(self.pages.locator(".verdict.good", has_text="every position is settled"))

    def row_of(self, day: date) -> str:
        """What the list of dates says of one."""
        return in_a_line(self.pages.get_by_role("row").filter(has_text=str(day)).inner_text())

    # what one does

    def click(self, what: Locator) -> None:
        """Noted down in the word that stands there."""
        word = in_a_line(what.inner_text()) or what.get_attribute("aria-label") or ""
        super().click(what)
        self.steps.append(f"Click **{word}**.")

    def writes_reason(self, where: Locator, reason: str) -> None:
        """Noted down, too."""
        super().writes_reason(where, reason)
        self.steps.append(f"Write a reason, such as “{reason}”.")

    def opens_tab(self) -> None:
        """The tab that Airflow shows with each run and task."""
        self.click(self.browser.page.get_by_role("link", name="Settlement", exact=True))
        self.pages.get_by_role("heading").first.wait_for()

    def runs_date(self) -> None:
        """The button on the page that is open."""
        self.click(self.pages.get_by_role("button", name="Run this date", exact=True).first)

    def holds(self, reason: str) -> None:
        """The client that the page names."""
        form = self.pages.locator("form.hold")
        self.writes_reason(form.get_by_label("Reason"), reason)
        self.click(form.get_by_role("button", name="Hold this client"))
        form.locator("output", has_text="Done: ").wait_for()

    def takes_picture(self, of: str, name: str | None = None) -> None:
        """What is on the screen now."""
        path = self.pictures / f"{name or self.name}.png"
        self.pages.locator("body").evaluate(DRAWN)
        take_picture(self.browser.page, path)
        self.shown.append(f"![{of}](pictures/{path.name})")

    def _begins(self, where: str) -> None:
        self.start, self.began = where, monotonic()

    def _has_read_risk(self, sentence: str) -> None:
        self.risk = in_a_line(sentence)
        self.risk_read_after_s = monotonic() - self.began


def in_a_line(text: str) -> str:
    """A text as it is read, whatever lines it stands in."""
    return " ".join(text.split())
