"""A person on the settlement pages, who begins at Airflow's own and counts the clicks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from playwright.sync_api import FrameLocator, Locator

from support.browser import Browser

REASON = "Reason, kept for good"


@dataclass
class Visitor:
    """Somebody who is logged in, with a question about money."""

    browser: Browser
    clicks: int = 0

    @property
    def pages(self) -> FrameLocator:
        """Where Airflow shows the settlement pages."""
        return self.browser.page.frame_locator("iframe")

    def sees_settlements(self) -> None:
        """From Home, by the navigation."""
        self.browser.page.goto(f"{self.browser.url}/")
        self.opens_settlements()

    def opens_settlements(self) -> None:
        """By Airflow's navigation, from wherever one is."""
        self.click(self.browser.page.get_by_role("link", name="Settlements"))
        self.pages.get_by_role("heading", name="Settlements").wait_for()

    def opens_date(self, day: date) -> None:
        """By its row."""
        self.click(self.pages.get_by_role("link", name=str(day), exact=True).first)
        self.pages.get_by_role("heading", name=str(day)).wait_for()

    def reads(self, text: str) -> None:
        """Something stands there."""
        self.pages.get_by_text(text).first.wait_for()

    def answers(self, choice: str, reason: str) -> None:
        """The question of the date that is open."""
        question = self.pages.get_by_text("Read and answer it")
        self.click(question)
        self.writes_reason(self.pages.get_by_label(REASON), reason)
        self.click(self.pages.get_by_role("button", name=choice, exact=True))
        question.wait_for(state="hidden")

    def does_by_hand(self, partner: str, button: str, **fields: str) -> str:
        """Fill in one of the forms of a partner; what holds then, as the page says it."""
        page = self.browser.page
        page.goto(f"{self.browser.url}/settlement/partners/{partner}/actions")
        form = page.locator("form", has=page.get_by_role("button", name=button, exact=True))
        for name, value in fields.items():
            form.locator(f"[name={name}]").fill(value)
        self.click(form.get_by_role("button", name=button, exact=True))
        done = form.locator("output", has_text="Done: ")
        done.wait_for()
        return done.inner_text()

    def click(self, what: Locator) -> None:
        """One of the clicks that are counted."""
        self.clicks += 1
        what.click()

    def writes_reason(self, where: Locator, reason: str) -> None:
        """Why: it is kept for good."""
        where.fill(reason)
