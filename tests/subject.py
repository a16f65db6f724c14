"""The module under test: bgtasks, or the copy of it that BGTASKS_UNDER_TEST names."""

import importlib
import os
import re
from typing import TYPE_CHECKING

# A test file that a copy, and the installed wheel, must pass too.
USES_SUBJECT = re.compile(r"^from \.subject import", re.MULTILINE)
NAME = os.environ.get("BGTASKS_UNDER_TEST", "bgtasks")

if TYPE_CHECKING:
    import bgtasks

    subject = bgtasks
else:
    subject = importlib.import_module(NAME)

BackgroundTask = subject.BackgroundTask
BackgroundTasks = subject.BackgroundTasks
current_thread_limiter = subject.current_thread_limiter
