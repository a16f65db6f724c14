"""The site in a real browser: what can be read, where a link leads, which colours."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

WIDE, NARROW, HEIGHT = 1400, 390, 900
EXAMPLE = "bgtasks.BackgroundTasks.add_task--wrong_type"
SCHEME = "document.body.getAttribute('data-md-color-scheme')"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=address,
        viewport={"width": WIDE, "height": HEIGHT},
        color_scheme="light",
    )
    yield context.new_page()
    context.close()


def test_core_can_be_read(page: Page) -> None:
    page.goto("reference/", wait_until="networkidle")

    assert page.evaluate("document.documentElement.scrollHeight") < 15_000
    contents = page.locator(".md-sidebar--secondary .md-nav--secondary")
    assert contents.evaluate("element => element.scrollHeight") <= HEIGHT


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_anchor_of_an_example_leads_to_it(width: int, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto(f"typed-examples/#{EXAMPLE}", wait_until="networkidle")

    expect(page.locator(f'[id="{EXAMPLE}"]')).to_be_in_viewport()


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
