"""Refuse a Python that bgtasks does not support. It must run under that Python, too."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    got = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.exit(
        f"bgtasks needs Python 3.11 or newer, got {got}: run make PYTHON=python3.13"
    )
