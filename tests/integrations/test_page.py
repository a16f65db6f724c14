"""docs/frameworks.md names the versions that are tested."""

import re

from tests.project import GROUPS, ROOT

PAGE = ROOT / "docs" / "frameworks.md"


def test_versions_are_those_that_are_tested() -> None:
    tested = {
        requirement
        for group in GROUPS.values()
        for requirement in group
        if isinstance(requirement, str)
    }
    page = PAGE.read_text("utf-8")

    frameworks = re.findall(r"`from bgtasks\.(\w+) .*` \| ([\d.]+)", page)
    servers = re.findall(r"\| (uvicorn|hypercorn|granian) ([\d.]+)(?= \|)", page)
    others = re.search(r"\| Quart, Django.* \| ([\d.]+), ([\d.]+) \|", page)

    reference = (ROOT / "docs" / "reference-integrations.md").read_text("utf-8")
    assert {name for name, _ in frameworks} == {
        *re.findall(r"::: bgtasks\.(\w+)", reference)
    }
    assert len(servers) == 3
    assert others is not None
    shown = [item for item in [*frameworks, *servers] if item[0] != "asgi"]
    shown += zip(["quart", "django"], others.groups(), strict=True)
    assert {f"{name}=={version}" for name, version in shown} <= tested
