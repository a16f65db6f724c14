"""The taskiq brokers of the tests: ``make_broker``, and ``broker`` for the workers."""

import os
from collections.abc import Sequence

from taskiq import AsyncBroker, Context, TaskiqDepends, ZeroMQBroker
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from tests.integrations.reporting import report

from . import arrivals

BROKER = "BGTASKS_TESTS_TASKIQ_BROKER"  # its address, in the environment


# Of its own: taskiq renames the functions that are registered with it.


def send_email(
    to: str, copies: Sequence[str] = (), /, *, subject: str, urgent: bool = False
) -> None:
    report("send_email", to, copies, subject=subject, urgent=urgent)


async def resize(path: str, width: int = 100) -> None:
    report("resize", path, width)


def count(number: int) -> None:
    report("count", number)


def print_page(page: str) -> None:
    report("print_page", page)


def archive(letter: object) -> None:
    report("archive")


def report_as_task(day: int, context: Context = TaskiqDepends()) -> None:  # noqa: B008
    """Report under the name of the task as which it runs."""
    report(context.message.task_name, day)


def make_broker(address: str, socket_timeout: float | None = None) -> AsyncBroker:
    kind, _, url = address.partition("+")
    broker: AsyncBroker
    match kind:
        case "zeromq":
            broker = ZeroMQBroker(url, url)
        case "list":
            broker = ListQueueBroker(url, socket_timeout=socket_timeout)
        case _:
            # What is not acknowledged for 0.1 s is given to another worker, also if the
            # first one was killed while it had the lock for that.
            broker = RedisStreamBroker(
                url,
                idle_timeout=100,
                unacknowledged_lock_timeout=1,
                socket_timeout=socket_timeout,
            )
    # By its own name; what taskiq gives it grows with each registration.
    broker.register_task(send_email, "send_email")
    broker.register_task(resize, "resize")
    broker.register_task(count, "count")
    broker.register_task(print_page, "print_page")
    broker.register_task(archive, "archive")
    for number, row in enumerate(arrivals.rows()):
        typed = arrivals.taking(number, arrivals.value_of(row.parameter))
        broker.register_task(typed, f"typed {number}")
        broker.register_task(arrivals.taking(number), f"untyped {number}")
    broker.register_task(report_as_task, "report.nightly")
    broker.register_task(report_as_task, "report.urgent")
    return broker


if BROKER in os.environ:
    broker = make_broker(os.environ[BROKER])
