"""Sign somebody up, and do the rest after the response."""

import asyncio
import time

from bgtasks import BackgroundTasks


async def send_email(to: str, *, subject: str) -> None:
    await asyncio.sleep(0.1)  # mail servers take their time
    print(f"mail to {to}: {subject}")


def write_audit_line(text: str) -> None:
    time.sleep(0.1)  # and so do disks
    print(f"audit: {text}")


def sign_up(email: str, tasks: BackgroundTasks) -> str:
    tasks.add_task(send_email, email, subject="Welcome")
    tasks.add_task(write_audit_line, f"{email} signed up")
    return "ok"


async def main() -> None:
    tasks = BackgroundTasks()
    print(f"response: {sign_up('ada@example.org', tasks)}")
    await tasks()  # what a framework does after the response


if __name__ == "__main__":
    asyncio.run(main())
