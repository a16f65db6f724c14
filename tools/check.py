"""Run parts of the check in the order given: ``python -m tools.check types lint``.

Three run at once, as most wait for servers and browsers at times. The output of a part
is shown when it ends.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic


def run(part: str) -> bool:
    start = monotonic()
    done = subprocess.run(  # noqa: S603 (our own commands)
        ["make", part],  # noqa: S607 (gets the outer make's variables, such as TAG)
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    said = "passed" if done.returncode == 0 else "FAILED"
    seconds = f"make {part} {said} in {monotonic() - start:.0f} seconds"
    print(f"{done.stdout}\n{seconds}\n", flush=True)  # noqa: T201
    return done.returncode == 0


if __name__ == "__main__":
    with ThreadPoolExecutor(3) as threads:
        passed = [*threads.map(run, sys.argv[1:])]
    failed = [part for part, ok in zip(sys.argv[1:], passed, strict=True) if not ok]
    sys.exit(f"failed: {' '.join(failed)}" if failed else None)
