"""axe-core finds no fault on any page; colours follow the system, then the reader."""

import base64
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
SIZES = [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")]
SCHEME = "document.body.getAttribute('data-md-color-scheme')"


def faults(page: Page) -> list[str]:
    page.evaluate(AXE)
    violations: list[Any] = page.evaluate("axe.run().then(found => found.violations)")
    return [
        f"{violation['id']}: {node['html']}"
        for violation in violations
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_axe_has_nothing_to_say(
    width: int, scheme: Any, browser: Browser, address: str, site: Path
) -> None:
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    said: list[str] = []
    for file in sorted(site.rglob("index.html")):
        address = f"{file.parent.relative_to(site)}/"
        page.goto(address, wait_until="networkidle")
        said += [f"{address}: {fault}" for fault in faults(page)]
    context.close()

    assert said == []


@pytest.mark.parametrize("rule", ["color-contrast", "image-alt"])
def test_axe_notices_a_fault(rule: str, browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("", wait_until="networkidle")
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('afterbegin', "
        """'<p style="color: #ccc; background: #ddd">pale</p>"""
        """<img src="assets/images/favicon.png">')"""
    )

    found = faults(page)
    context.close()

    assert [fault for fault in found if fault.startswith(rule)]


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(base_url=address, color_scheme="light")
    yield context.new_page()
    context.close()


def test_colours_follow_the_system_until_the_reader_chooses(page: Page) -> None:
    page.goto("performance/", wait_until="networkidle")
    assert page.evaluate(SCHEME) == "default"

    page.emulate_media(color_scheme="dark")
    page.reload(wait_until="networkidle")
    assert page.evaluate(SCHEME) == "slate"

    page.get_by_title("Switch to light mode").first.click()
    assert page.evaluate(SCHEME) == "default"

    page.emulate_media(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    page.reload(wait_until="networkidle")
    assert page.evaluate(SCHEME) == "default"


def test_plots_follow_the_page_and_not_the_system(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("performance/", wait_until="networkidle")
    plot = page.locator("article img").first
    dark = plot.screenshot()

    page.get_by_title("Switch to light mode").first.click()
    expect(page.locator("body")).to_have_attribute("data-md-color-scheme", "default")
    light_in_dark_system = plot.screenshot()
    page.emulate_media(color_scheme="light")

    assert base64.b64encode(light_in_dark_system) != base64.b64encode(dark)
    assert plot.screenshot() == light_in_dark_system


def test_no_table_breaks_a_word_letter_by_letter(
    browser: Browser, address: str, site: Path
) -> None:
    context = browser.new_context(
        base_url=address, viewport={"width": 390, "height": 900}
    )
    page = context.new_page()
    for file in sorted(site.rglob("index.html")):
        page.goto(f"{file.parent.relative_to(site)}/", wait_until="networkidle")

        assert page.evaluate(BROKEN_WORDS) == [], file
    context.close()


# Words of up to twelve letters in tables that stand on more than one line.
BROKEN_WORDS = """() => {
    const broken = []
    for (const cell of document.querySelectorAll("article td, article th")) {
        const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
        while (walker.nextNode()) {
            for (const found of walker.currentNode.data.matchAll(/[A-Za-z]{2,12}/g)) {
                const range = document.createRange()
                range.setStart(walker.currentNode, found.index)
                range.setEnd(walker.currentNode, found.index + found[0].length)
                const tops = [...range.getClientRects()].map(each => each.top | 0)
                if (new Set(tops).size > 1) broken.push(found[0])
            }
        }
    }
    return broken
}"""
