"""The process of one city: bound to its parent, with a limit on its memory, else the command itself."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

from kcity_geo.clock import peak_memory_gb
from kcity_geo.in_copy import end_with

__all__ = ["main", "run_command"]


def main() -> None:
    """Run ``kcity`` with the arguments behind the first two: limit of memory in bytes (0: none), id of the parent."""
    end_with(int(sys.argv[2]))
    run_command(sys.argv[3:], limit=int(sys.argv[1]))


def run_command(arguments: Sequence[str], *, limit: int) -> None:
    """
    Run ``kcity``, then say what it took: ``took SECONDS GB``, of the processor and of memory at most.

    Parameters
    ----------
    arguments : of the command.
    limit : of memory in bytes; 0: none.

    Raises
    ------
    SystemExit
        With the code of the command.
    """
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    sys.argv = ["kcity", *arguments]
    try:
        from kcity_geo.cli import main as command

        command()
    except MemoryError:
        sys.stderr.write(f"error: needs more than {limit / 1e9:g} GB; raise --memory-gb\n")
        raise SystemExit(2) from None
    finally:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu_s = sum(took.ru_utime + took.ru_stime for took in both)
        peak_gb = max(peak_memory_gb())
        sys.stderr.write(f"took {cpu_s:.1f} {peak_gb:.2f}\n")


if __name__ == "__main__":
    main()
