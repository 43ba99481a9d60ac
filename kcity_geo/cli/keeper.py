"""
The process that a worker keeps: it loads once what every study needs, and forks a process for each city.

A line of JSON on its input asks for a city: ``{"arguments": […], "limit": bytes}``; a line on its output says
what became of it: ``{"code": …, "told": …}``, a negative code being the signal that ended it. It holds no data of
any city, works on none itself, and has one thread when it forks. ``ps -eo pid,comm`` and ``top`` call the process of a
city by the name of its folder.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

import numpy as np

from kcity_geo.cli.child import run_command
from kcity_geo.compiling import package_at_a_time
from kcity_geo.config import TABLES, read_table
from kcity_geo.fingerprint import code_sha256, table_sha256
from kcity_geo.in_copy import end_with

__all__ = ["load", "main"]

#: Of the package, all that a study imports only once it needs it.
_ROOMS = ("analysis", "cli", "inputs", "outputs", "sources")
#: The same of others; one that is not installed is left out.
_LIBRARIES = (
    "dask.array", "fontTools.subset", "matplotlib.backends.backend_agg", "matplotlib.figure", "mpl_toolkits.mplot3d",
    "numba", "openpyxl", "osmium", "pvlib", "pyarrow.dataset", "pyarrow.parquet", "pyogrio", "rasterio.features",
    "rasterio.warp", "rich.console", "rich.progress", "rich.table", "scipy.fftpack", "scipy.optimize", "scipy.stats",
    "uharfbuzz",
)  # fmt: skip


def main() -> None:
    """Answer for one city after the other until the input ends; the argument is the id of the parent."""
    end_with(int(sys.argv[1]))
    # What a city prints must not stand between the answers. The city holds this end as well: the parent sees
    # the end of it when both are gone, and starts no second process beside one that still writes.
    answers = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    load()
    for line in sys.stdin:
        asked = json.loads(line)
        told = run_apart(asked["arguments"], limit=asked["limit"], null=null)
        os.write(answers, (json.dumps(told) + "\n").encode())


def load() -> None:
    """Import all that a study may use, and make ready what is the same in each: tables, templates, compiled loops."""
    import_module("kcity_geo.study")
    for room in _ROOMS:
        package = import_module(f"kcity_geo.{room}")
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in _LIBRARIES:
        if find_spec(name.partition(".")[0]):
            import_module(name)
    for table in sorted(TABLES.rglob("*.toml")):
        read_table(table.relative_to(TABLES).with_suffix("").as_posix())
    code_sha256()
    table_sha256()
    _templates()
    _loops()
    gc.freeze()  # what is loaded is never looked through for garbage, so its memory stays shared


def _templates() -> None:
    from kcity_geo.outputs.pages import environment

    for name in environment().list_templates():
        environment().get_template(name)


def _loops() -> None:
    """Take one way of one arc, for which numba gets ready what all compiled loops need."""
    from kcity_geo.analysis.network.kernels import nearest_costs

    package_at_a_time("pyflwdir")
    none, one = np.zeros(1, np.int32), np.ones(1, np.int32)
    nearest_costs(np.array([0, 1, 1], np.int32), one, np.ones(1), none, np.zeros(1), 1.0, 1.0, 4)


def run_apart(arguments: Sequence[str], *, limit: int, null: int) -> dict[str, object]:
    """
    Run ``kcity`` in a process of its own.

    Parameters
    ----------
    arguments, limit : as of `kcity_geo.cli.child.run_command`.
    null : open file that its input is read from.

    Returns
    -------
    ``code``, and ``told``: what it wrote to its standard error.
    """
    keeper = os.getpid()
    with tempfile.TemporaryFile() as errors:
        process = os.fork()
        if not process:
            code = 1
            try:
                os.dup2(null, 0)
                os.dup2(errors.fileno(), 2)
                end_with(keeper)
                _be_called(arguments)
                run_command(arguments, limit=limit)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException:  # noqa: BLE001 - whatever it is, this process ends here
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitpid(process, 0)[1]
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace")
    return {"code": os.waitstatus_to_exitcode(status), "told": told}


def _be_called(arguments: Sequence[str]) -> None:
    """Let the lists of the system call this process by the folder that it writes; they show 15 letters."""
    if "--out" in arguments[:-1]:
        folder = Path(arguments[arguments.index("--out") + 1])
        with suppress(OSError):
            Path("/proc/self/comm").write_bytes(os.fsencode(folder.name)[:15])


if __name__ == "__main__":
    main()
