"""Calls put aside and run later, with every argument checked by the type checker.

``BackgroundTasks().add_task(send_email, "ada@example.org", subject="Welcome")`` stores
the call; ``await tasks()`` runs it. Any framework that ends its response with
``await response.background()`` can carry it.
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
