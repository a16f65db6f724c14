"""docs/frameworks.md names the versions that are tested."""

import re
import tomllib

from tests.snippets import ROOT

PAGE = ROOT / "docs" / "frameworks.md"


def test_versions_are_those_that_are_tested() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    tested = {
        requirement
        for group in groups["dependency-groups"].values()
        for requirement in group
        if isinstance(requirement, str)
    }
    page = PAGE.read_text("utf-8")

    frameworks = re.findall(r"`from bgtasks\.(\w+) .*` \| ([\d.]+)", page)
    servers = re.findall(r"\| (uvicorn|hypercorn|granian) ([\d.]+)(?= \|)", page)
    others = re.search(r"\| Quart, Django.* \| ([\d.]+), ([\d.]+) \|", page)

    assert len(frameworks) == 8
    assert len(servers) == 3
    assert others is not None
    shown = [item for item in [*frameworks, *servers] if item[0] != "asgi"]
    shown += zip(["quart", "django"], others.groups(), strict=True)
    assert {f"{name}=={version}" for name, version in shown} <= tested
