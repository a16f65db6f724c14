"""The recipe for arq of docs/engines.md, run as it is shown by a worker of arq's."""

import subprocess
import sys
from pathlib import Path

import pytest
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from bgtasks import BackgroundTasks
from tests.integrations.page import imported
from tests.integrations.processes import RedisServer, running, wait_for
from tests.project import ROOT
from tests.reader import programs_of

pytestmark = pytest.mark.anyio

calls: list[tuple[str, int]] = []


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def resize(path: str, *, width: int) -> None:
    calls.append((path, width))


@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # by arq itself
async def test_arq_worker_makes_the_call(redis: RedisServer) -> None:
    pool = await create_pool(RedisSettings(port=redis.port))
    with imported("arq_runner") as page:
        tasks = BackgroundTasks(runner=page.arq_runner(pool, resize))
        tasks.add_task(resize, "portrait.png", width=800)
        await tasks()
        sent = list(calls)

        worker = Worker(
            functions=[page.for_worker(resize)],
            redis_pool=pool,
            burst=True,
            handle_signals=False,
            poll_delay=0.01,
        )
        await worker.main()
        await worker.close()

        with pytest.raises(LookupError, match=r"print is none of the functions"):
            await BackgroundTasks([print], runner=page.arq_runner(pool, resize))()

    assert sent == []
    assert calls == [("portrait.png", 800)]


(PROGRAM,) = (
    each
    for each in programs_of(ROOT / "docs" / "engines.md")
    if "from arq" in each.text
)


def test_sample_of_the_page_type_checks(folder: Path) -> None:
    (folder / PROGRAM.file).write_text(PROGRAM.text)

    subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", PROGRAM.file], cwd=folder, check=True
    )


def test_sample_of_the_page_is_run_by_its_worker(
    folder: Path, redis: RedisServer
) -> None:
    (folder / PROGRAM.file).write_text(PROGRAM.text.replace("6379", f"{redis.port}"))
    _, send, worker = PROGRAM.commands
    (printed,) = PROGRAM.lines_printed
    log = folder / "worker.log"

    sent = subprocess.run(
        [sys.executable, *send.words[1:]], cwd=folder, capture_output=True, check=True
    )
    with running(
        *worker.words, log=log, environment={"PYTHONPATH": str(folder)}
    ) as process:
        wait_for(printed, log, process)

    assert printed not in sent.stdout.decode()
