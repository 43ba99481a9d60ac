"""Two processes never compile at once, and what one has compiled the other reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest

from kcity_geo.compiling import WORDS, telling

CODE = """
import sys, time
from kcity_geo.compiling import one_at_a_time, telling

sys.path.insert(0, sys.argv[1])
from loops import inner, outer

def noted(compile):
    def noting(*given):
        print("start", time.time())
        try:
            return compile(*given)
        finally:
            print("end", time.time())
    return noting

for made in (inner, outer):
    made._compiler.compile = noted(made._compiler.compile)
with telling(lambda text: print("told", text)):
    print("answer", one_at_a_time(outer)(5))
"""
LOOPS = """
import numba

@numba.njit(cache=True)
def inner(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

@numba.njit(cache=True)
def outer(n):
    return inner(n) + inner(n + 1)
"""


@pytest.fixture
def started(tmp_path: Path) -> list[list[str]]:
    """The lines of two processes that start together in a folder without a cache."""
    (tmp_path / "loops.py").write_text(LOOPS, encoding="utf-8")
    env = {**os.environ, "TMPDIR": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(tmp_path)], env=env, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    return [one.communicate(timeout=300)[0].splitlines() for one in running]


def test_one_compiles_and_the_other_reads(started) -> None:
    assert [lines[-1] for lines in started] == ["answer 85"] * 2
    assert all(lines.count(f"told {WORDS}") <= 1 for lines in started)
    assert any(f"told {WORDS}" in lines for lines in started)
    compiled = [lines for lines in started if any(line.startswith("start") for line in lines)]
    assert len(compiled) == 1, "both compiled the same"


def test_another_copy_of_the_package_has_a_lock_of_its_own(tmp_path, monkeypatch) -> None:
    """Its cache lies elsewhere: who waited for it would compile all the same, only later."""
    from kcity_geo import compiling

    own = compiling._lock_name()
    assert own == compiling._lock_name()
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "kcity_geo" / "compiling.py"))
    assert compiling._lock_name() != own


def test_nobody_is_told_after_it_ends() -> None:
    heard: list[str] = []
    with telling(heard.append):
        pass
    assert heard == []


def test_threads_that_find_the_lock_taken_wait_and_then_compile(tmp_path, monkeypatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from filelock import FileLock

    from kcity_geo import compiling

    own = compiling._Watch()
    own.lock = FileLock(tmp_path / "lock", thread_local=False)
    monkeypatch.setattr(compiling, "watch", lambda: own)

    class Made:
        def compile(self, signature):
            try:  # numba tells the end also of what could not start
                own.start()
                return signature
            finally:
                own.end()

    other = FileLock(tmp_path / "lock", thread_local=False)
    with ThreadPoolExecutor(3) as pool:
        with other:
            found = [pool.submit(compiling.one_at_a_time(Made()).compile, i) for i in range(3)]
            sleep(0.2)
        assert [one.result(timeout=30) for one in found] == [0, 1, 2]
    assert (own.depth, own.ours, own.lock.is_locked) == (0, 0, False)


def test_numba_tells_the_end_of_what_could_not_start_and_the_lock_is_given_back(
    tmp_path, monkeypatch
) -> None:
    import numba
    from filelock import FileLock

    from kcity_geo import compiling

    own = compiling.watch()
    monkeypatch.setattr(own, "lock", FileLock(tmp_path / "lock", thread_local=False))
    taken = Event()

    def hold() -> None:
        with FileLock(tmp_path / "lock", thread_local=False):
            taken.set()
            sleep(1.0)

    other = Thread(target=hold)
    other.start()
    taken.wait(timeout=20)
    assert compiling.one_at_a_time(numba.njit(lambda n: n + 1))(3) == 4
    other.join()
    assert (own.depth, own.ours, own.lock.is_locked) == (0, 0, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_a_forked_process_takes_a_lock_of_its_own(tmp_path) -> None:
    code = (
        "import os, sys, numba\n"
        "from kcity_geo.compiling import one_at_a_time\n"
        "twice = one_at_a_time(numba.njit(lambda n: 2 * n))\n"
        "process = os.fork()\n"
        "if not process: os._exit(twice(3))\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False
    )
    assert done.returncode == 6


def test_what_another_package_compiles_waits_and_is_read_too() -> None:
    """Else the second process waits for the first and then compiles the same: 30 s for heights above drainage."""
    from numba.core.dispatcher import Dispatcher

    from kcity_geo.compiling import package_at_a_time

    dem = package_at_a_time("pyflwdir").dem
    found = [made for made in vars(dem).values() if isinstance(made, Dispatcher)]
    assert len(found) > 3
    assert {made.compile.__qualname__.partition(".")[0] for made in found} == {"one_at_a_time"}
