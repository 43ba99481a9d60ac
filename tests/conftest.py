"""Fixtures for all tests: no network, the real cities when they are there, a folder of the demo."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from kcity_geo.citydata import CityData
    from kcity_geo.config import Config
    from kcity_geo.result import Gaps, Result
    from kcity_geo.studyfile import Study

# The same examples in every run; `make fuzz` draws many more. A test that needs a number says so itself.
settings.register_profile(
    "kcity",
    deadline=None,
    max_examples=int(os.environ.get("KCITY_EXAMPLES", "20")),
    derandomize=True,
)
settings.load_profile("kcity")

#: Files that take longest, by CPU seconds measured. They start first: a file goes to one worker as a whole,
#: and one that starts last keeps the other worker waiting.
_LONG = (
    "test_docs.py",
    "test_readings_agree.py",
    "test_many.py",
    "test_out_browser.py",
    "test_invariance.py",
    "test_fetch.py",
    "test_out_hostile.py",
    "test_transit.py",
    "test_overpass.py",
    "test_examples.py",
    "test_transport.py",
    "test_graph.py",
    "test_out_report_forms.py",
    "test_out_maps.py",
    "test_bad_input.py",
    "test_out_layout.py",
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage, never look through what is loaded, and later as seldom as a command."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give all files that look at the study of the town to one worker: the other runs it never."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    def looks_at_the_town(file: str) -> bool:
        return "town_run" in (config.rootpath / file).read_text(encoding="utf-8")

    class OneTown(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if file not in together:
                together[file] = "town_run" if looks_at_the_town(file) else file
            return together[file]

    together: dict[str, str] = {}
    return OneTown(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest in front, the others as they stand."""
    place = {name: number for number, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(_LONG)))


# GDAL has its own connections, which pytest-socket cannot see: send them nowhere.
os.environ.setdefault("GDAL_HTTP_PROXY", "127.0.0.1:9")
os.environ.setdefault("NO_PROXY", "127.0.0.1,localhost")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def _only_this_machine(request: pytest.FixtureRequest) -> None:
    """Connections leave this machine only in tests marked ``network``."""
    from pytest_socket import socket_allow_hosts

    if "network" not in request.keywords:
        socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real cities, from KCITY_TEST_DATA; tests that need it skip without it."""
    folder = os.environ.get("KCITY_TEST_DATA")
    if not folder:
        pytest.skip("set KCITY_TEST_DATA to the folder of real cities to run this test")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"KCITY_TEST_DATA={folder} is not a folder")
    return path


@pytest.fixture(scope="session")
def hanbit_town() -> Path:
    """Folder of the demo town that ships with the project."""
    return Path(__file__).parents[1] / "data" / "hanbit"


@pytest.fixture(scope="session")
def town_run(hanbit_town: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """The study of the demo town and its folder, run once: nobody changes either."""
    import kcity_geo as kc

    out = tmp_path_factory.mktemp("town") / "out"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kc.KCityWarning)
        return kc.run(hanbit_town / "study.toml", out), out


_DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBA"
    "ScY42YAAAAASUVORK5CYII="
)


@contextmanager
def _dots_for_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kcity_geo.outputs.report.theme_figure", lambda *_, **__: _DOT)
        yield


@pytest.fixture(scope="session")
def dots_for_pictures() -> Callable[[], AbstractContextManager[None]]:
    """Dots for pictures as a context, for a fixture that runs several studies."""
    return _dots_for_pictures


@pytest.fixture(scope="session")
def without_pictures() -> str:
    """Python text that puts a dot in place of every picture of the report, for another process."""
    return f"import kcity_geo.outputs.report\nkcity_geo.outputs.report.theme_figure = lambda *_, **__: {_DOT!r}\n"


@pytest.fixture
def no_pictures() -> Iterator[None]:
    """A dot for every picture of the report: for tests of its words."""
    with _dots_for_pictures():
        yield


@pytest.fixture(scope="module")
def no_pictures_here() -> Iterator[None]:
    """The same for all tests of a file, none of which looks at a picture."""
    with _dots_for_pictures():
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Any, Any]]:
    """Folder of the large files that the tests of a file have written, and the results that they are of."""
    return tmp_path_factory.mktemp("written"), {}


@pytest.fixture
def large_files_once(written: tuple[Path, dict[Any, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Write each large file of one and the same result once for all tests of a file, then copy it.

    For tests that a study can be written, and look into none of these files. The same result is the same
    data and gaps, in a file whose tests load `once`, with the same scores and sites.
    """
    from kcity_geo.outputs import study_files

    folder, results = written

    def copy(one: Path, other: Path) -> None:
        (shutil.copytree if one.is_dir() else shutil.copy)(one, other)

    def of(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def steps(result: Result, *more: Any, **named: Any) -> dict[str, Any]:
            weights = [(one.id, one.weight_used) for one in result.score.criteria]
            found = pickle.dumps((result.score.title, result.score.score, weights, result.sites))
            key = result.study.model_dump_json(), id(result.data), id(result.gaps), found
            number = results.setdefault(key, (len(results), result))[
                0
            ]  # kept: an id is one object's

            def once(name: str, write: Callable[[Path], None]) -> Callable[[Path], None]:
                def writer(path: Path) -> None:
                    kept = folder / f"{number}-{name}"
                    if kept.exists():
                        copy(kept, path)
                        return
                    write(path)
                    copy(path, folder / f".{kept.name}")
                    (folder / f".{kept.name}").rename(kept)  # whole, or not there

                return writer

            return {name: once(name, write) if name in large else write
                    for name, write in make(result, *more, **named).items()}  # fmt: skip

        return steps

    large = set(study_files._LONGEST)
    for name in ("_cell_files", "_pages_and_tables"):
        monkeypatch.setattr(study_files, name, of(getattr(study_files, name)))


@pytest.fixture(scope="module")
def known() -> dict[Any, Any]:
    """What the tests of a file that ask for `once` have loaded and assessed."""
    return {}


@pytest.fixture
def once(known: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Load a study and assess its gaps once for all tests of a file; a study of other keys is another one."""
    import kcity_geo.study as line

    load, assess = line.load, line.assess_gaps

    def loaded(study: Study, *, config: Config | None = None, **_: object) -> CityData:
        key = study.model_dump_json()  # the same for copies of a study: paths are relative
        if key not in known:
            known[key] = load(study, config=config)
        found: CityData = known[key]
        return found

    def assessed(data: CityData, **_: object) -> Gaps:
        if id(data) not in known:
            known[id(data)] = assess(data), data  # kept, so that nobody else gets its number
        found: Gaps = known[id(data)][0]
        return found

    monkeypatch.setattr(line, "load", loaded)
    monkeypatch.setattr(line, "assess_gaps", assessed)
