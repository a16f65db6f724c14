"""Typed background tasks: queue a function call now, run it after the response.

``tasks.add_task(send_email, "ada@example.org", subject="Hi")`` stores the call, and the
type checker checks its arguments. ``await tasks()`` runs it: any framework that awaits
``response.background()`` after its response can do that.
"""

# SPDX-License-Identifier: MIT-0

from ._task import BackgroundTask, current_thread_limiter
from ._tasks import BackgroundTasks

__all__ = ["BackgroundTask", "BackgroundTasks", "current_thread_limiter"]

__version__ = "0.1.0"

# Readers, tracebacks and pickles name the package (or the copy of it), not its files.
BackgroundTask.__module__ = __name__
BackgroundTasks.__module__ = __name__
current_thread_limiter.__module__ = __name__
