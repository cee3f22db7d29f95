"""A person in front of Airflow's UI: Debian's Chromium, a window of the usual width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from settlement_airflow.up.stack import LOGIN
from support.debian import program_of

LONGEST_WAIT_MS = 60_000
"""On a busy machine; a page that is ready is never waited for."""
EXCEPTION = "[data-testid^=summary-]:is([data-testid$=Error], [data-testid$=Exception])"
WINDOW = {"width": 1300, "height": 900}
PAST_THE_EDGE = """summary => {
    let edge = window.innerWidth;
    for (let box = summary.parentElement; box; box = box.parentElement) {
        if (getComputedStyle(box).overflowX !== "visible") {
            edge = Math.min(edge, box.getBoundingClientRect().right);
        }
    }
    const range = document.createRange();
    range.selectNodeContents(summary);
    return [...range.getClientRects()].map(each => each.right - edge);
}"""
"""How far each line of a text reaches past what is shown without scrolling."""


@dataclass(frozen=True)
class Browser:
    """One window, and somebody who is logged in."""

    page: Page
    url: str

    def open_log(self, dag_id: str, run_id: str, task: str) -> None:
        """Go to the log of a task; a mapped one is `task/mapped/0`."""
        self.page.goto(f"{self.url}/dags/{dag_id}/runs/{quote(run_id)}/tasks/{task}")

    def error_text(self) -> str:
        """The text of the exception in the log that is open; all of it can be seen."""
        summary = self.page.locator(EXCEPTION)
        summary.first.wait_for()
        assert summary.count() == 1, "a second traceback"
        past = summary.evaluate(PAST_THE_EDGE)
        assert past
        assert max(past) <= 0, "one has to scroll sideways"
        return summary.inner_text()


def log_in(page: Page, url: str, login: tuple[str, str] = LOGIN) -> None:
    """As the administrator, or somebody else."""
    page.goto(url)
    page.get_by_label("Username").fill(login[0])
    page.get_by_label("Password").fill(login[1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")


@contextmanager
def opened_page() -> Iterator[Page]:
    """Open a window, and close it at the end."""
    chromium = program_of("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(LONGEST_WAIT_MS)
        yield page
        browser.close()


@contextmanager
def browsing(url: str, login: tuple[str, str] = LOGIN) -> Iterator[Browser]:
    """Somebody is logged in at an Airflow."""
    with opened_page() as page:
        log_in(page, url, login)
        yield Browser(page, url)
