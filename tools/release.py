"""Refuse a tag that is not the version: ``python -m tools.release v1.2.3``."""

import sys

from bgtasks import __version__

if sys.argv[1] not in {"", f"v{__version__}"}:
    sys.exit(
        f"the tag {sys.argv[1]} is not the version: set __version__ in "
        f"bgtasks/__init__.py, or tag v{__version__}"
    )
