"""The site in a real browser, in wide and narrow windows, light and dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

WIDE, HEIGHT = 1400, 900
EXAMPLE = "bgtasks.BackgroundTasks.add_task--wrong_type"
Scheme = Literal["light", "dark"]


@pytest.fixture(params=[(WIDE, "light"), (WIDE, "dark"), (390, "light"), (390, "dark")])
def window(request: pytest.FixtureRequest) -> tuple[int, Scheme]:
    asked: tuple[int, Scheme] = request.param
    return asked


@pytest.fixture
def page(window: tuple[int, Scheme], browser: Browser, address: str) -> Iterator[Page]:
    """A window of the browser; that it asked nobody else, and has no error, is seen."""
    width, scheme = window
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": HEIGHT},
        color_scheme=scheme,
    )
    page = context.new_page()
    asked: list[str] = []
    problems: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(message.text)

    def note_error(error: Exception) -> None:
        problems.append(str(error))

    page.on("request", note_request)
    page.on("console", note_message)
    page.on("pageerror", note_error)
    yield page
    context.close()
    assert asked
    assert [
        url for url in asked if not url.startswith((address, "data:", "blob:"))
    ] == []
    assert problems == []


def test_no_page_is_wider_than_the_window(page: Page, site: Path) -> None:
    for file in sorted(site.rglob("index.html")):
        page.goto(f"{file.parent.relative_to(site)}/", wait_until="networkidle")
        hidden = page.evaluate(HIDDEN)
        assert hidden <= 0, file


def test_core_can_be_read(page: Page, window: tuple[int, Scheme]) -> None:
    page.goto("reference/", wait_until="networkidle")

    if window[0] == WIDE:
        assert page.evaluate("document.documentElement.scrollHeight") < 15_000
        contents = page.locator(".md-sidebar--secondary .md-nav--secondary")
        assert contents.evaluate("element => element.scrollHeight") <= HEIGHT


def test_anchor_of_an_example_leads_to_it(page: Page) -> None:
    page.goto(f"typed-examples/#{EXAMPLE}", wait_until="networkidle")

    expect(page.locator(f'[id="{EXAMPLE}"]')).to_be_in_viewport()


def test_verdicts_can_be_told_from_their_background(page: Page) -> None:
    page.goto("typed-examples/", wait_until="networkidle")

    for verdict in ("Accepted", "Rejected"):
        contrast = page.get_by_text(verdict, exact=True).first.evaluate(CONTRAST)

        assert contrast >= 4.5, verdict  # WCAG 2.2, success criterion 1.4.3


HIDDEN = """() => {
    const root = document.documentElement
    return root.scrollWidth - root.clientWidth
}"""

# As WCAG 2.2 defines it.
CONTRAST = """element => {
    const luminance = color => {
        const linear = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(
            part => (part /= 255) <= 0.04045
                ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
        )
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
    const ours = luminance(getComputedStyle(element).color)
    const theirs = luminance(getComputedStyle(document.body).backgroundColor)
    return (Math.max(ours, theirs) + 0.05) / (Math.min(ours, theirs) + 0.05)
}"""
