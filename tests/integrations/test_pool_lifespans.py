"""A pool under test clients: some run the lifespan, others do not."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from litestar import Litestar, Response, get
from litestar.testing import TestClient as LitestarClient

from bgtasks import litestar
from bgtasks.fastapi import BackgroundTasks, background_tasks
from bgtasks.pool import TaskPool

from .serving import get as get_from

pool = TaskPool(limit=1)
Tasks = Annotated[BackgroundTasks, Depends(background_tasks(runner=pool))]
ran: list[str] = []


@asynccontextmanager
async def lifespan(_: object) -> AsyncGenerator[None]:
    async with pool:
        yield
    ran.append("left")


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def with_fastapi(tasks: Tasks) -> str:
    tasks.add_task(ran.append, "first")
    tasks.add_task(ran.append, "second")
    return "accepted"


@get("/")
async def with_litestar() -> Response[str]:
    tasks = litestar.BackgroundTasks(runner=pool)
    tasks.add_task(ran.append, "first")
    tasks.add_task(ran.append, "second")
    return Response("accepted", background=tasks)


@pytest.fixture(autouse=True)
def record() -> list[str]:
    ran.clear()
    return ran


def test_litestar_test_client_runs_the_lifespan_which_waits_for_the_tasks(
    record: list[str],
) -> None:
    for _ in range(2):  # the pool is entered again, in another event loop
        with LitestarClient(Litestar([with_litestar], lifespan=[lifespan])) as client:
            assert client.get("/").status_code == 200

    assert record == ["first", "second", "left"] * 2


@pytest.mark.anyio
async def test_test_enters_the_pool_if_its_client_runs_no_lifespan(
    record: list[str],
) -> None:
    async with pool:
        assert (await get_from(app)).status_code == 200

    assert record == ["first", "second"]


@pytest.mark.anyio
async def test_request_without_a_lifespan_is_told_what_to_write() -> None:
    with pytest.raises(
        RuntimeError, match="check that the server or test client"
    ) as got:
        await get_from(app)

    assert any("Not run" in note for note in got.value.__notes__)
