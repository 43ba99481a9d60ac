"""
Fuzz harness: a reader in a process of its own, with limits of time and memory, on mutated files.

::

    outcomes = run_reader("tests/fuzz/readers.py:read_table_text", paths)

The process gets one path after the other and answers one JSON line each; it serves all readers of a session,
until it dies. What may come of a file:

- ``value``: the reader gave a value (JSON);
- ``refused``: it raised a `KCityError` of one line without control characters;
- ``traceback``: anything else was raised, or the message has several lines;
- ``signal``: the process died;
- ``hang``: no answer within the time limit;
- ``memory``: the reader asked for more memory than the limit and said so with a `MemoryError`.

The first two are right. ``KCITY_FUZZ_FILES`` says how many files each reader gets: a few in CI, 200 by
``make fuzz``; the seeds are fixed, so the same number gives the same files.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import selectors
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILES = int(os.environ.get("KCITY_FUZZ_FILES", "12"))
_ROOT = Path(__file__).parents[2]
_START_S = 120.0


@dataclass(frozen=True)
class Outcome:
    """What came of one file: a kind of the module's list, and the value or the message."""

    path: Path
    kind: str
    value: Any = None

    @property
    def fine(self) -> bool:
        return self.kind in {"value", "refused"}


def mutated(data: bytes, seed: int) -> bytes:
    """
    Damage bytes in one of nine ways, chosen by the seed.

    Flipped bits, bytes set at random, bytes put in, bytes taken out, a cut end, a block of zeros, a
    block repeated, two blocks exchanged, and rubbish behind the end.
    """
    if not data:
        return data
    rng = random.Random(seed)
    out = bytearray(data)
    kind = seed % 9
    at = rng.randrange(len(out))
    size = rng.randint(1, max(1, min(len(out) // 4, 4096)))
    if kind == 0:
        for _ in range(rng.choice((1, 1, 2, 8, 32))):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        for _ in range(rng.choice((1, 2, 8, 32))):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif kind == 2:
        out[at:at] = rng.randbytes(rng.choice((1, 1, 2, 16)))
    elif kind == 3:
        del out[at : at + rng.choice((1, 1, 2, 16))]
    elif kind == 4:
        del out[at:]
    elif kind == 5:
        out[at : at + size] = bytes(len(out[at : at + size]))
    elif kind == 6:
        out[at:at] = out[at : at + size]
    elif kind == 7:
        other = rng.randrange(len(out))
        size = min(size, abs(at - other))
        a, b = out[at : at + size], out[other : other + size]
        out[at : at + size], out[other : other + size] = b, a
    else:
        out += rng.randbytes(size)
    return bytes(out)


def mutants(sample: Path, folder: Path, *, count: int = FILES, seed: int = 0) -> list[Path]:
    """
    Write mutated copies of a file, each in a folder of its own so that its name stays.

    Parameters
    ----------
    sample : a sound file.
    folder : to write to.
    count : number of copies.
    seed : of the first one; the next have the numbers after it.
    """
    data = sample.read_bytes()
    paths = []
    for number in range(count):
        path = folder / f"{seed + number:05d}" / sample.name
        path.parent.mkdir(parents=True)
        path.write_bytes(mutated(data, seed + number))
        paths.append(path)
    return paths


class _Worker:
    """A Python process that answers one JSON line for each reader and path it is given."""

    def __init__(self, memory_mb: int) -> None:
        self.known: set[str] = set()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=_ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{_ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            },
        )

    def know(self, reader: str) -> None:
        """Load a reader, which may take longer than reading does."""
        if reader in self.known:
            return
        self._say([reader, None])
        if self._line(_START_S) != "ready":
            self.stop()
            raise RuntimeError(f"the reader {reader} did not start")
        self.known.add(reader)

    def _say(self, words: list[str | None]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps(words)}\n")
        self.process.stdin.flush()

    def _line(self, timeout_s: float) -> str | None:
        """One line of the process; None when it did not come in time, "" when the process died."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            if not waiting.select(timeout_s):
                return None
        return self.process.stdout.readline().strip()

    def ask(self, reader: str, path: Path, timeout_s: float) -> Outcome:
        self._say([reader, str(path)])
        line = self._line(timeout_s)
        if line is None:
            return Outcome(path, "hang", f"no answer in {timeout_s:g} s")
        if not line:
            return Outcome(path, "signal", f"the process ended with {self.process.wait()}")
        kind, value = json.loads(line)
        return Outcome(path, kind, value)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def run_reader(
    reader: str, paths: Sequence[Path], *, timeout_s: float = 30.0, memory_mb: int = 4096
) -> list[Outcome]:
    """
    Give files to a reader in a process of the readers; a new one is started when it dies or hangs.

    Parameters
    ----------
    reader : ``file.py:function``, the file relative to the repository; the function takes a path and
        returns what JSON can hold.
    paths : the files.
    timeout_s : for each file.
    memory_mb : address space that the process may use beyond what it has when the reader is loaded.
    """
    return list(_outcomes(reader, paths, timeout_s, memory_mb))


#: Memory that it may use -> the process that reads.
_RUNNING: dict[int, _Worker] = {}


def _outcomes(
    reader: str, paths: Sequence[Path], timeout_s: float, memory_mb: int
) -> Iterator[Outcome]:
    for path in paths:
        if memory_mb not in _RUNNING:
            _RUNNING[memory_mb] = _Worker(memory_mb)
        worker = _RUNNING[memory_mb]
        outcome = None
        try:
            worker.know(reader)
            outcome = worker.ask(reader, path, timeout_s)
        finally:
            if outcome is None or outcome.kind in {"hang", "signal"}:
                _RUNNING.pop(memory_mb).stop()
        yield outcome


def stop_all() -> None:
    """End the processes, at the end of a session."""
    while _RUNNING:
        _RUNNING.popitem()[1].stop()


def assert_all_fine(outcomes: Sequence[Outcome]) -> None:
    """Fail with one line for each file that was neither read nor refused in one line."""
    bad = [o for o in outcomes if not o.fine]
    assert not bad, "\n".join(
        f"{o.kind}: {o.path.parent.name}/{o.path.name}: {str(o.value)[-400:]}" for o in bad[:20]
    )


def _load(reader: str) -> Any:
    name, _, function = reader.partition(":")
    spec = importlib.util.spec_from_file_location("fuzz_reader", _ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def _answer(read: Any, path: Path) -> tuple[str, Any]:
    import traceback

    from kcity_geo.errors import KCityError

    try:
        value = read(path)
        json.dumps(value)
    except KCityError as error:
        text = str(error)
        lines = any(unicodedata.category(c) in {"Cc", "Zl", "Zp", "Cs"} for c in text)
        return ("traceback", repr(text)) if lines or not text else ("refused", text)
    except MemoryError:
        return "memory", traceback.format_exc()
    except BaseException:  # noqa: BLE001 - whatever the reader lets through is what is looked for
        return "traceback", traceback.format_exc()
    return "value", value


def _serve(memory_mb: int) -> None:
    """Read questions from stdin; JSON answers go to a stdout of our own, as libraries print too."""
    import resource
    import warnings

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    readers: dict[str, Any] = {}
    for line in sys.stdin:
        reader, path = json.loads(line)
        if path is not None:
            print(json.dumps(_answer(readers[reader], Path(path))), file=answers, flush=True)
            continue
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        readers[reader] = _load(reader)
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        limit = pages * resource.getpagesize() + memory_mb * 1024**2
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
        print("ready", file=answers, flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
