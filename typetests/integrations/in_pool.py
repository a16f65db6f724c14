"""Tasks that a pool runs are checked as in any collection."""

from bgtasks import BackgroundTask, BackgroundTasks
from bgtasks.pool import TaskPool

DOCUMENTS = "bgtasks.pool"


async def send_email(to: str, *, subject: str) -> None: ...


def warm_cache() -> None: ...


def log(task: BackgroundTask, exc: Exception) -> None: ...


def alarm(message: str) -> None: ...


def checked(pool: TaskPool) -> None:
    """A call is checked against the function, also if a pool runs it."""
    tasks = BackgroundTasks(runner=pool)
    tasks.add_task(send_email, "ada@example.org", subject="Hi")
    tasks.add_task(send_email, "ada@example.org")  # E: `subject` is missing
    tasks.add_task(send_email, "ada@example.org", subjet="Hi")  # E: no `subjet`
    tasks.add_task(send_email, 1, subject="Hi")  # E: the address is a str


async def hand_over(pool: TaskPool) -> None:
    """You can hand over a task, or a function without arguments, directly."""
    await pool(BackgroundTask(send_email, "ada@example.org", subject="Hi"))
    await pool(lambda: send_email("ada@example.org", subject="Hi"))
    await pool(warm_cache)
    await pool(send_email)  # E: it needs arguments
    await pool(warm_cache())  # E: it is already called
    await pool(warm_cache, "now")  # E: use a BackgroundTask for arguments


def in_their_order(pool: TaskPool) -> None:
    """A collection is one task of the pool. Its tasks run in their order."""
    steps = BackgroundTasks()
    steps.add_task(send_email, "ada@example.org", subject="Hi")
    steps.add_task(warm_cache)
    BackgroundTasks(runner=pool).add_task(steps)


def options() -> None:
    """Pass options by name. `limit` is an int, `drain` a number of seconds."""
    TaskPool(limit=100, drain=12.5, on_error=log)
    TaskPool(limit=None)
    TaskPool(100)  # E: write `limit=100`
    TaskPool(limit=0.5)  # E: `limit` is an int or None
    TaskPool(drain=None)  # E: write `drain=math.inf`
    TaskPool(on_error=alarm)  # E: `on_error` gets the task and its exception
    TaskPool(runner=warm_cache)  # E: a runner takes a task, and is async


async def counts(pool: TaskPool) -> None:
    """`running` and `waiting` are numbers that you can read."""
    async with pool as opened:
        total: int = opened.running + opened.waiting
        print(total)
    pool.running = 0  # E: it is read-only
