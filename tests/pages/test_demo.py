"""`make demo`, run as its user does: it shows what it promises and leaves nothing."""

import re
import signal
from pathlib import Path

import pytest

from tests.demos import assert_nothing_is_left, interrupt, shown_by
from tests.project import ROOT

DEMO = "examples.demo"
SIGN_UP = ROOT / "examples" / "signup.py"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def shown(temporary: Path) -> str:
    return shown_by(DEMO, temporary)


def milliseconds(pattern: str, shown: str) -> tuple[float, ...]:
    match = re.search(pattern.replace("MS", r"([0-9.]+) ms"), shown)
    assert match, shown
    return tuple(float(ms) for ms in match.groups())


def test_response_is_received_before_the_tasks_end(shown: str) -> None:
    (received,) = milliseconds("Response received after MS: 202", shown)
    _, end = milliseconds(r"append_to_audit_log .* MS to +MS", shown)

    assert received < end


def test_each_task_starts_after_the_response_and_the_task_before(shown: str) -> None:
    _, end = milliseconds("response sent +MS to +MS", shown)

    for task in (
        r"send_welcome_email \(async def\)",
        r"notify_crm \(def, fails\)",
        r"append_to_audit_log \(def\)",
    ):
        start, next_end = milliseconds(f"{task} +MS to +MS", shown)
        assert end <= start <= next_end
        end = next_end


def test_work_of_the_tasks_is_shown(shown: str) -> None:
    assert "audit.log: 20" in shown
    assert "outbox: Hello Ada, you have signed up." in shown


def test_failure_and_its_cause_are_shown(shown: str) -> None:
    assert re.search(
        r"^  notify_crm failed\n"
        r"    ConnectionRefusedError: .*\n"
        r"    At background task 2 of 3, examples\.signup\.notify_crm\.$",
        shown,
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    ("checker", "message"),
    [
        ("mypy", r'{}: error: Unexpected keyword argument "nmae"'),
        ("pyright", r'{}:\d+ - error: No parameter named "nmae"'),
    ],
    ids=["mypy", "pyright"],
)
def test_checker_names_the_line_of_the_wrong_call(
    checker: str, message: str, shown: str
) -> None:
    lines = SIGN_UP.read_text(encoding="utf-8").splitlines()
    (number,) = (n for n, line in enumerate(lines, 1) if "(send_welcome_email," in line)
    _, says = shown.split(f"What {checker} says:\n")

    assert re.search(message.format(f"signup.py:{number}"), says.split("What")[0])


def test_nothing_is_left_after_the_demo(shown: str, temporary: Path) -> None:
    assert_nothing_is_left(shown, temporary)


@pytest.mark.usefixtures("sigint_is_heard")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_interrupted_demo(
    how: signal.Signals, tmp_path: Path
) -> None:
    shown = interrupt(DEMO, how, tmp_path, lines=1)

    assert_nothing_is_left(shown, tmp_path)
