"""Finds what is broken in a built site: links, anchors, and requests to other hosts.

``python -m tools.links site`` prints each, and fails if there is one. (LinkChecker,
which is more thorough, takes three minutes for what this does in one second.)
"""

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from typing_extensions import override


class Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: list[str] = []
        self.feed(path.read_text("utf-8"))

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if not value:
                continue
            if name == "id":
                self.anchors.append(value)
            elif name == "href" and tag == "a":
                self.links.add(value)
            elif name in {"href", "src"} and ("rel", "canonical") not in attrs:
                self.loaded.add(value)


read = cache(Page)


def broken(site: Path) -> Iterator[str]:
    """Say what is broken, each on a line."""
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        where = path.relative_to(site)
        for anchor in sorted({a for a in page.anchors if page.anchors.count(a) > 1}):
            yield f"{where}: two elements have the id {anchor}"
        for url in sorted(page.links | page.loaded):
            parts = urlsplit(url)
            if parts.scheme in {"data", "javascript"}:
                continue
            if parts.netloc or parts.scheme:
                if url in page.loaded:
                    yield f"{where}: it asks another host for {url}"
                continue
            link = unquote(parts.path)
            folder = site if link.startswith("/") else path.parent
            target = folder / link.lstrip("/") if link else path
            if reason := missing(target, unquote(parts.fragment)):
                yield f"{where}: {url}: {reason}"


def missing(target: Path, anchor: str) -> str:
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "there is no such file"
    if anchor and target.suffix == ".html" and anchor not in read(target).anchors:
        return "there is no such anchor"
    return ""


if __name__ == "__main__":
    sys.exit("\n".join(broken(Path(sys.argv[1]))) or None)
