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


@dataclass
class Visit:
    """What was seen of all pages: each is opened once, and shown in all windows."""

    faults: list[str] = field(default_factory=list[str])
    too_wide: list[str] = field(default_factory=list[str])
    broken_words: list[str] = field(default_factory=list[str])
    asked: set[str] = field(default_factory=set[str])
    problems: list[str] = field(default_factory=list[str])

    def look_at(self, page: Page, name: str) -> None:
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                show(page, scheme)
                where = f"{name}, {width} pixels, {scheme}"
                self.faults += [f"{where}: {fault}" for fault in faults(page, scheme)]
            if page.evaluate(HIDDEN) > 0:
                self.too_wide.append(f"{name}, {width} pixels")
        self.broken_words += [f"{name}: {word}" for word in page.evaluate(BROKEN)]


def show(page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    body = page.locator("body")
    expect(body).to_have_attribute("data-md-color-scheme", SCHEMES[scheme])


def faults(page: Page, scheme: Scheme) -> list[str]:
    """Ask axe, in the dark about colours alone: nothing else differs there."""
    looks = page.evaluate(MARK_LOOKS)
    assert looks > 0
    violations: list[Any] = page.evaluate(RUN_AXE, scheme == "dark")
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
    page = context.new_page()
    for file in sorted(site.rglob("index.html")):
        name = f"{file.parent.relative_to(site)}/"
        page.goto(name, wait_until="networkidle")
        page.evaluate(AXE)
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


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("rule", ["color-contrast", "image-alt"])
def test_axe_notices_a_fault(
    rule: str, scheme: Scheme, browser: Browser, address: str
) -> None:
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.goto("", wait_until="networkidle")
    page.evaluate(AXE)
    show(page, scheme)
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('afterbegin', "
        """'<p>dark</p><p style="background: #777">pale</p>"""
        """<img src="assets/images/favicon.png">')"""
    )

    found = faults(page, scheme)
    context.close()

    assert any(fault.startswith(rule) for fault in found) == (
        rule == "color-contrast" or scheme == "light"
    )


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
# the first. What lies behind is not always an ancestor; what is fixed or absolute is.
MARK_LOOKS = """() => {
    const behind = new Map([[null, ""]])
    const looks = new Set()
    for (const element of document.querySelectorAll("html, body, body *")) {
        const style = getComputedStyle(element)
        const own = style.backgroundColor + style.backgroundImage + style.opacity
            + style.filter + (style.position === "static" ? "" : style.position)
        const before = behind.get(element.parentElement) ?? ""
        const all = before.endsWith(own) ? before : before + own
        behind.set(element, all)
        delete element.dataset.look
        const isText = node => node.nodeType === Node.TEXT_NODE && node.data.trim()
        if (![...element.childNodes].some(isText)) continue
        const look = [all, style.color, style.fontSize, style.fontWeight].join()
        if (looks.has(look) || !element.checkVisibility()) continue
        looks.add(look)
        element.dataset.look = ""
    }
    return looks.size
}"""
# Without the type of results, it describes each of the thousands that pass.
RUN_AXE = """async colours => {
    const resultTypes = ["violations"]
    const rules = ["color-contrast", ...(colours ? ["link-in-text-block"] : [])]
    const { violations } = await axe.run("[data-look]", { resultTypes, runOnly: rules })
    if (colours) return violations
    const others = { "color-contrast": { enabled: false } }
    const found = await axe.run({ resultTypes, rules: others })
    return [...violations, ...found.violations]
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
