"""No page has a fault in any window: wide and narrow, light and dark."""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
WIDE, NARROW = 1400, 390
Scheme = Literal["light", "dark"]
SCHEMES: dict[Scheme, str] = {"light": "default", "dark": "slate"}
# In an order in which little changes from one to the next: each change takes its time.
WINDOWS: list[tuple[int, Scheme]] = [
    (WIDE, "light"),
    (WIDE, "dark"),
    (NARROW, "dark"),
    (NARROW, "light"),
]


@dataclass
class Visit:
    """What was seen of all pages: each is opened once, and shown in all windows."""

    faults: list[str] = field(default_factory=list[str])
    too_wide: list[str] = field(default_factory=list[str])
    broken_words: list[str] = field(default_factory=list[str])
    asked: set[str] = field(default_factory=set[str])
    problems: list[str] = field(default_factory=list[str])
    looks: dict[int, list[str]] = field(
        default_factory=lambda: {WIDE: list[str](), NARROW: list[str]()}
    )

    def look_at(self, page: Page, name: str) -> None:
        for width, scheme in WINDOWS:
            page.set_viewport_size({"width": width, "height": 900})
            show(page, scheme)
            found = faults_of_colour(page, self.looks[width])
            self.faults += [
                f"{name}, {width} pixels, {scheme}: {each}" for each in found
            ]
        self.broken_words += [f"{name}: {word}" for word in page.evaluate(BROKEN)]
        page.evaluate(WITHOUT_COLOURS)
        for width in (NARROW, WIDE):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate(HIDDEN) > 0:
                self.too_wide.append(f"{name}, {width} pixels")
            self.faults += [f"{name}, {width} pixels: {each}" for each in faults(page)]


def show(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    body = page.locator("body")
    expect(body).to_have_attribute("data-md-color-scheme", SCHEMES[scheme])


def faults_of_colour(page: Page, known: list[str]) -> list[str]:
    """Ask axe about the looks that are not known yet, and add them to the known."""
    looks: list[str] = page.evaluate(MARK_LOOKS, known)
    known += looks
    return described(page.evaluate(ASK_ABOUT_COLOURS)) if looks else []


def faults(page: Page) -> list[str]:
    """Ask axe about all but the colours: they alone differ in the dark."""
    return described(page.evaluate(ASK_ABOUT_OTHERS))


def described(violations: list[Any]) -> list[str]:
    return [
        f"{violation['id']}: {node['html']}"
        for violation in violations
        for node in violation["nodes"]
    ]


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str, site: Path) -> Visit:
    visit = Visit()
    context = browser.new_context(base_url=address)
    watch(context, visit)
    context.add_init_script(AXE)
    page = context.new_page()
    pages = sorted(site.rglob("index.html"), key=lambda file: file.stat().st_size)
    for file in pages:  # the smallest first: there a new look costs least
        name = f"{file.parent.relative_to(site)}/"
        page.goto(name, wait_until="networkidle")
        visit.look_at(page, name)
    context.close()
    return visit


def watch(context: BrowserContext, visit: Visit) -> None:
    """Note what the pages ask for, and what the browser complains about."""
    context.on("request", lambda request: visit.asked.add(request.url))
    context.on("weberror", lambda error: visit.problems.append(str(error.error)))
    context.on(
        "console",
        lambda message: (
            visit.problems.append(message.text)
            if message.type in {"error", "warning"}
            else None
        ),
    )


def test_axe_has_nothing_to_say(visit: Visit) -> None:
    assert visit.faults == []


def test_no_page_is_wider_than_the_window(visit: Visit) -> None:
    assert visit.too_wide == []


def test_no_table_breaks_a_word_letter_by_letter(visit: Visit) -> None:
    assert visit.broken_words == []


def test_nobody_else_is_asked_and_nothing_goes_wrong(
    visit: Visit, address: str
) -> None:
    own = (address, "data:", "blob:")

    assert visit.asked
    assert [url for url in visit.asked if not url.startswith(own)] == []
    assert visit.problems == []


# That it would be seen


FAULTS = """document.querySelector("article").insertAdjacentHTML("afterbegin", `
    <p>dark</p><p style="background: #777">pale</p>
    <p style="background: #fff; color: #000">Much more text
        than <a href="#link" style="color: #333; text-decoration: none">link</a></p>
    <img src="../assets/images/favicon.png">
`)"""


def test_axe_notices_faults_in_each_window(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    context.add_init_script(AXE)
    page = context.new_page()
    visit = Visit()
    for change in ("null", FAULTS):
        page.goto("changelog/", wait_until="networkidle")
        page.evaluate(change)
        assert visit.faults == []
        visit.look_at(page, "changed")
    context.close()

    seen = {fault.split(": <")[0] for fault in visit.faults}
    of_colour = {
        f"changed, {width} pixels, {scheme}: {rule}"
        for width, scheme in WINDOWS
        for rule in ("color-contrast", "link-in-text-block")
    }
    assert seen == of_colour | {
        f"changed, {width} pixels: image-alt" for width in (WIDE, NARROW)
    }


def test_what_goes_wrong_is_noticed(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address)
    seen = Visit()
    watch(context, seen)
    page = context.new_page()
    page.goto("", wait_until="networkidle")
    with context.expect_event("weberror"):
        page.evaluate("setTimeout(() => { throw new Error('wrong') })")
    with context.expect_console_message():
        page.evaluate("console.warn('doubtful')")
    page.evaluate("fetch('https://example.invalid/').catch(() => null)")
    context.close()

    assert "https://example.invalid/" in seen.asked
    assert [each for each in seen.problems if "wrong" in each]
    assert "doubtful" in seen.problems


# axe spends most of its time on the contrast of each word. Of the texts that have the
# same colour, size and weight, and the same backgrounds behind them, it is asked about
# the first, on whatever page. What lies behind is not always an ancestor; what is fixed
# or absolute is. A link in a text must look different from the text around it, too.
MARK_LOOKS = """known => {
    const looks = new Set(known)
    const behind = new Map([[null, ""]])
    const around = new Map()
    const closed = "details:not([open]) > :not(summary)"
    const shown = `html, body, body :not(${closed}, ${closed} *)`
    for (const element of document.querySelectorAll(shown)) {
        delete element.dataset.look
        const style = getComputedStyle(element)
        const own = style.backgroundColor + style.backgroundImage + style.opacity
            + style.filter + (style.position === "static" ? "" : style.position)
        const before = behind.get(element.parentElement) ?? ""
        const all = before.endsWith(own) ? before : before + own
        behind.set(element, all)
        const isInline = style.display.startsWith("inline")
        const font = [style.color, style.fontSize, style.fontWeight].join()
        const block = isInline ? around.get(element.parentElement) : { element, font }
        around.set(element, block)
        const isText = node => node.nodeType === Node.TEXT_NODE && node.data.trim()
        const isLink = element.matches("a[href]")
        if (!isLink && ![...element.childNodes].some(isText)) continue
        let look = all + font
        if (isLink) {
            look += [style.textDecorationLine, style.borderBottom, block.font].join()
            if (block.linked === undefined) {
                const links = [...block.element.querySelectorAll("a[href]")]
                const lengths = links.map(({ textContent }) => textContent.length)
                block.linked = lengths.reduce((sum, each) => sum + each, 0)
            }
            look += block.element.textContent.length > 2 * block.linked
        }
        if (looks.has(look) || !element.checkVisibility()) continue
        looks.add(look)
        element.dataset.look = ""
    }
    return [...looks].slice(known.length)
}"""
# Without the type of results, it describes each of the thousands that pass.
ASK_ABOUT_COLOURS = """async () => {
    const runOnly = ["color-contrast", "link-in-text-block"]
    const options = { resultTypes: ["violations"], runOnly }
    return (await axe.run("[data-look]", options)).violations
}"""
ASK_ABOUT_OTHERS = """async () => {
    const off = { enabled: false }
    const rules = { "color-contrast": off, "link-in-text-block": off }
    return (await axe.run({ resultTypes: ["violations"], rules })).violations
}"""
# Most elements do no more than colour a word of code.
WITHOUT_COLOURS = """() => {
    for (const code of document.querySelectorAll("code:has(span)")) {
        const isPlain = !code.querySelector(":not(span[class])")
        if (isPlain) code.textContent = code.textContent
    }
}"""

HIDDEN = """() => {
    const root = document.documentElement
    return root.scrollWidth - root.clientWidth
}"""

# Words of up to twelve letters in tables that stand on more than one line.
BROKEN = """() => {
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
