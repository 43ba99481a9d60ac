"""The process of one city: bound to its parent, with a limit on its memory, else the command itself."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_KILOBYTES_A_GB = 1e6


def main() -> None:
    """
    Run ``kcity`` with the arguments behind the first two: the limit of memory in bytes (0: none), the parent's id.

    On Linux the process ends with the one that started it, so that no second one writes the same city.
    """
    limit, parent = int(sys.argv[1]), int(sys.argv[2])
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before this process asked to be told
            os.kill(os.getpid(), signal.SIGKILL)
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    sys.argv = ["kcity", *sys.argv[3:]]
    try:
        from kcity_geo.cli import main as command

        command()
    except MemoryError:
        sys.stderr.write(f"error: needs more than {limit / 1e9:g} GB; raise --memory-gb\n")
        raise SystemExit(2) from None
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KILOBYTES_A_GB
        sys.stderr.write(f"peak-memory-gb {peak:.2f}\n")


if __name__ == "__main__":
    main()
