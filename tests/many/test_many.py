"""Many cities: a killed process starts again, a broken study is told, what is done is kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import kcity_geo as kc
from kcity_geo.cli import app
from kcity_geo.errors import OutputError, SourceError, StudyError
from kcity_geo.many.kept_process import CAN_FORK, one_thread, run_kept
from kcity_geo.many.process import CityLimits
from kcity_geo.many.run import CitiesProgress, _language, _look_at, run_cities
from kcity_geo.many.tasks import (
    CityOutcome,
    CityTask,
    read_cities,
    task_key,
    why_made,
    write_manifest,
)
from kcity_geo.outputs.attribution import CAVEAT, SYNTHETIC
from kcity_geo.outputs.citiespage import CityRow, cities_page
from kcity_geo.outputs.languages import language_of, speaking, translated
from kcity_geo.retold import made

HALF_DEG = 0.005
PROJECT = (
    '[project]\ntitle = "Mine"\n[[project.criterion]]\nid = "mine_km"\ndistance_to = "own.csv"\nweight = 0.1\n'
    'function = "lin_dec"\nparameters = [1, 5]\n'
)


def write_study(
    folder: Path, inputs: Path, name: str, lon: float, *, boundary: bool = True
) -> None:
    """A study of a piece of the demo town, about a kilometre wide."""
    lat = 45.0
    ring = [
        [lon + x * HALF_DEG, lat + y * HALF_DEG]
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    shape = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    if boundary:
        (folder / f"{name}.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": [shape]})
        )
    (folder / f"{name}.toml").write_text(
        f'[study]\nname = "{name}"\nproject = "new_town"\ncell_m = 200\n'
        f'[city]\nname = "{name}"\nboundary = "{name}.geojson"\n'
        f'[sources]\nosm = "{inputs / "city.osm.pbf"}"\npopulation = "{inputs / "population.tif"}"\n'
    )


@pytest.fixture(scope="module")
def listed(tmp_path_factory, hanbit_town) -> Path:
    """A list of two cities and a broken one."""
    folder = tmp_path_factory.mktemp("listed")
    write_study(folder, hanbit_town, "east", -26.995)
    write_study(folder, hanbit_town, "west", -27.005)
    write_study(folder, hanbit_town, "broken", -27.0, boundary=False)
    (folder / "cities.csv").write_text("study\neast.toml\nbroken.toml\nwest.toml\n")
    return folder / "cities.csv"


def children(parent: int) -> list[int]:
    """Ids of the processes that one has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(state[1]) == parent and state[0] != "Z":
                found.append(int(entry.name))
    return found


def kill_one_city(stop: threading.Event, killed: list[int]) -> None:
    """Kill the first process that works on a city, a moment after it began, as an administrator would."""
    while not stop.is_set() and not killed:
        for kept in children(os.getpid()):
            for city in children(kept) if is_kept(kept) else ():
                time.sleep(0.5)
                with suppress(ProcessLookupError):  # the broken one has ended by then
                    os.kill(city, signal.SIGKILL)
                    killed.append(city)
                    return
        time.sleep(0.02)


def is_over(process: int) -> bool:
    """Tell that a process has ended, whether or not anybody has asked for its end."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    return state[0] in {"Z", "X"}


def is_kept(process: int) -> bool:
    """Tell a process that a worker keeps from others."""
    try:
        return b"kcity_geo.cli.keeper" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def finished(listed, tmp_path_factory):
    """The list on two workers, one process killed on the way."""
    out = tmp_path_factory.mktemp("many") / "out"
    stop, killed = threading.Event(), []
    killer = threading.Thread(target=kill_one_city, args=(stop, killed))
    killer.start()
    try:
        outcomes = run_cities(listed, out, workers=2)
    finally:
        stop.set()
        killer.join()
    return out, outcomes, killed


@pytest.mark.parametrize(("language", "words"), [("en", "at least 29,600"), ("ko", "29,600 이상")])
def test_the_page_says_which_cities_are_made_up_and_which_were_counted_in_part(language, words):
    rows = [
        CityRow(id="a", status="done", people=29_600.0, whole=False, headline="One. Two."),
        CityRow(id="b", status="done", people=60_000.0, synthetic=True, headline="Three."),
    ]
    page = cities_page(rows, language=language)
    assert words in page
    assert ">60,000<" in page
    with speaking(language_of(language)):
        assert page.count(translated(SYNTHETIC)) == 1


def test_cities_are_not_written_into_a_finished_study(listed, tmp_path) -> None:
    (tmp_path / "project_summary.json").write_text("{}")
    with pytest.raises(OutputError, match="holds a finished study"):
        run_cities(listed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["project_summary.json"]


@pytest.mark.skipif(
    not Path("/proc/self/cmdline").exists(), reason="processes are looked up in /proc"
)
def test_a_killed_process_starts_again_and_all_files_are_those_of_a_serial_run(
    finished, listed, tmp_path
) -> None:
    out, outcomes, killed = finished
    assert len(killed) == 1
    assert [(one.id, one.status) for one in outcomes] == [
        ("east", "done"),
        ("broken", "failed"),
        ("west", "done"),
    ]
    assert sum(one.killed for one in outcomes) in {0, 1}  # 0: it was the broken one, at its end
    assert "broken.geojson" in outcomes[1].error
    assert not (out / "broken").exists()
    assert not list(out.glob(".*"))  # nothing half-written is left
    serial = out.parent / "serial" / "east"
    with pytest.warns(kc.KCityWarning):
        kc.run(listed.parent / "east.toml", serial)
    assert contents(out / "east") == contents(serial)


def test_the_page_lists_every_city_with_links(finished) -> None:
    page = (finished[0] / "index.html").read_text(encoding="utf-8")
    assert "2 of 3 cities are ready, 1 failed" in page
    assert 'href="east/report.html"' in page
    assert 'http-equiv="refresh"' not in page
    rows = json.loads((finished[0] / "cities.json").read_text(encoding="utf-8"))
    assert [row["status"] for row in rows] == ["done", "failed", "done"]


def test_the_page_speaks_the_language_of_all_studies(tmp_path) -> None:
    tasks = []
    for name, language in (("a", "ko"), ("b", "ko"), ("c", "en")):
        (tmp_path / name).write_text(f'[report]\nlanguage = "{language}"\n')
        tasks.append(CityTask(id=name, study=str(tmp_path / name), out=str(tmp_path)))
    studies = [_look_at(task) for task in tasks]
    assert _language(studies[:2]) == "ko"
    assert _language(studies) == "en"
    rows = [
        CityRow(id="a", status="done", headline="Nobody can tell."),
        CityRow(id="b", status="failed"),
        CityRow(id="d", status="done", headline="주민 3명", told_in="ko"),
    ]
    page = cities_page(rows, language="ko")
    assert '<html lang="ko">' in page
    assert "도시 3곳 중 2곳 완료, 1곳 실패" in page
    assert '<td class="told">주민 3명</td>' in page
    assert '<span lang="en">Nobody can tell.</span>' in page
    words = re.sub(
        r"<style>.*?</style>|<span lang=.en.>.*?</span>|<[^>]*>", " ", page, flags=re.DOTALL
    )
    assert not re.search("[A-Za-z]{2,}", words)


def test_what_is_done_is_kept_and_a_changed_file_is_made_again(finished, listed) -> None:
    out = finished[0]
    before = contents(out / "west")
    (out / "west" / "report.html").write_text("spoilt")
    states = []
    outcomes = run_cities(listed, out, told=states.append)
    assert [one.status for one in outcomes] == ["kept", "failed", "done"]
    assert [one.changed for one in outcomes] == [(), (), ("files",)]
    assert contents(out / "west") == before
    assert outcomes[0].seconds > 0
    assert outcomes[0].cpu_s > 0
    assert (states[-1].done, states[-1].failed, states[-1].total) == (2, 1, 3)


def test_the_largest_extracts_begin_and_the_time_left_knows_their_sizes(
    tmp_path, monkeypatch
) -> None:
    """The last to begin must not be the one that all others wait for."""
    sizes = {"small": 0, "largest": 3_600_000, "unread": None, "large": 1_600_000}
    for name, size in sizes.items():
        text = f'[sources]\nosm = "{name}.pbf"\n' if size is not None else "[["
        (tmp_path / f"{name}.toml").write_text(text)
        (tmp_path / f"{name}.pbf").write_bytes(b"0" * (size or 0))
    listed = tmp_path / "cities.csv"
    listed.write_text("\n".join(["study", *(f"{name}.toml" for name in sizes)]) + "\n")
    begun: list[str] = []

    def fail(task: CityTask, _: CityLimits) -> CityOutcome:
        begun.append(task.id)
        return CityOutcome(id=task.id, status="failed")

    monkeypatch.setattr("kcity_geo.many.run.run_city", fail)
    states: list[CitiesProgress] = []
    outcomes = run_cities(listed, tmp_path / "out", told=states.append)
    assert begun == ["largest", "large", "small", "unread"]
    assert [one.id for one in outcomes] == list(sizes)
    work = {
        "small": 4,
        "largest": 40,
        "unread": 4,
        "large": 20,
    }  # an extract, and what all take alike
    for count, state in enumerate(states, start=1):
        seconds = 60 * count / state.per_minute
        done = sum(work[one.last.id] for one in states[:count])
        assert state.left_s == pytest.approx(seconds * (68 - done) / done)


def test_a_city_that_needs_more_memory_than_it_may_fails_alone(listed, tmp_path) -> None:
    outcomes = run_cities(listed, tmp_path / "out", limits=CityLimits(memory_gb=0.1, restarts=0))
    assert {one.status for one in outcomes} == {"failed"}
    assert not list((tmp_path / "out").glob("*/*.html"))


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", SourceError, "needs a column 'study'"),
        ("name\na\n", SourceError, "needs a column 'study'"),
        ("study\n\n,\n", SourceError, "names no study file"),
        ("study,id\na.toml,../b\n", StudyError, "letters a-z"),
        ("study,id\na.toml,manifests\n", StudyError, "is the folder that says what is finished"),
        ("study\na.toml\nx/a.toml\n", StudyError, "occurs twice, as in line 2"),
    ],
)
def test_a_bad_list_stops_before_any_work(tmp_path, text, error, words) -> None:
    path = tmp_path / "cities.csv"
    path.write_text(text)
    with pytest.raises(error, match=words):
        read_cities(path, tmp_path / "out")


def test_cities_of_one_name_are_told_apart_on_page_and_console(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name,study,id\nTwin,,twin-n\nTwin,,twin-s\nSolo,,\nOther,x.toml,o\n")
    done = CliRunner().invoke(app, ["run", "--cities", str(path), "--out", str(tmp_path / "out")])
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    for told in (page, done.output):
        assert "Twin · twin-n" in told
        assert "Twin · twin-s" in told
        assert "Solo · " not in told
    assert "error: Twin · twin-s: the list names no study file" in done.output


def test_reasons_are_said_in_the_language_of_the_page() -> None:
    killed = made("killed", count=4, signal=9)
    rows = [
        CityRow(id="a", status="failed", error=made("no_study_file")),
        CityRow(id="b", status="failed", error=killed),
        CityRow(id="c", status="failed", error="sources.osm: of its own"),
    ]
    page = cities_page(rows, language="ko")
    assert "목록에 이 도시의 연구 파일이 없습니다" in page
    assert "프로세스가 4번 강제 종료되었습니다(신호 9)." in page
    assert '<span lang="en">sources.osm: of its own</span>' in page
    assert page.count('<span lang="en">') == 1
    with speaking(language_of("ko")):
        assert translated(CAVEAT) in page  # as on every other page
    assert killed in cities_page(rows)


def test_a_city_is_called_as_the_list_calls_it(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    rows = [
        "name,study,id",
        "Sao Tome,a.toml,",
        "부산,b.toml,",
        '"Two\nlines",c.toml,third',
        "Lost,,",
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    tasks = read_cities(path, tmp_path / "out")
    assert [(one.id, one.name) for one in tasks] == [
        ("sao-tome", "Sao Tome"),
        ("b", "부산"),
        ("third", "Two lines"),
        ("lost", "Lost"),
    ]
    path.write_text("name,study\n부산,b.toml\nLost,\n", encoding="utf-8")
    assert [one.status for one in run_cities(path, tmp_path / "out")] == ["failed"] * 2
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "부산" in page
    assert "names no study file" in page


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("logo.png", "another picture"),
        ("context.md", "Another chapter."),
        ("people.tif.json", '{"licence": "CC BY 4.0"}'),
        ("districts.dbf", "other names"),
        ("own.toml", PROJECT.replace("0.1", "0.2")),
        ("own.csv", "lon,lat\n9,47\n"),
    ],
)
def test_a_change_of_any_file_that_a_study_reads_makes_its_city_anew(tmp_path, name, text) -> None:
    for file in (
        "people.tif",
        "districts.shp",
        "context.md",
        "logo.png",
        "districts.dbf",
        "people.tif.json",
    ):
        (tmp_path / file).write_text("as it was")
    (tmp_path / "own.csv").write_text("lon,lat\n9.5,47\n")
    (tmp_path / "own.toml").write_text(PROJECT)
    (tmp_path / "a.toml").write_text(
        '[study]\nname = "a"\nproject = "own.toml"\n[city]\nname = "A"\ndistricts = "districts.shp"\n'
        '[sources]\npopulation = "people.tif"\n[report]\nlogo = "logo.png"\ncontext = "context.md"\n'
    )
    task = CityTask(id="a", study=str(tmp_path / "a.toml"), out=str(tmp_path / "out"))
    before = task_key(task)
    assert before
    assert task_key(task) == before
    (tmp_path / "out" / "a").mkdir(parents=True)
    assert why_made(task, before) == ()
    write_manifest(task, before, CityOutcome(id="a", status="done"))
    assert why_made(task, before) is None
    (tmp_path / name).write_text(text)
    assert why_made(task, task_key(task)) == (f"inputs ({name})",)
    study = tmp_path / "a.toml"
    study.write_text(study.read_text() + 'author = "B"\n')
    other = replace(task_key(task), code="another")
    assert why_made(task, other) == (f"inputs ({name})", "parameters", "code")
    (tmp_path / "out" / "a" / "map.html").touch()
    write_manifest(task, other, CityOutcome(id="a", status="done"))
    (tmp_path / "out" / "a" / "map.html").unlink()
    assert why_made(task, other) == ("files",)


@pytest.mark.skipif(not CAN_FORK, reason="processes are kept on Linux")
def test_who_is_stopped_waits_for_no_city_and_leaves_no_process(listed, tmp_path) -> None:
    """Ctrl-C in the middle: the cities at work end at once, none starts again."""

    def stop(state: CitiesProgress) -> None:
        if state.last.id == "broken":
            raise KeyboardInterrupt

    rows = [f"{name},{listed.parent / name}.toml" for name in ("broken", "east", "west")]
    (tmp_path / "c.csv").write_text("\n".join(["id,study", *rows]) + "\n")
    with pytest.raises(KeyboardInterrupt):
        run_cities(tmp_path / "c.csv", tmp_path / "out", told=stop)
    assert not [one for one in children(os.getpid()) if is_kept(one)]
    assert not list((tmp_path / "out").glob("*/report.html"))


def test_a_list_that_a_sheet_wrote_with_semicolons_is_read(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("name;study\nParis, centre;a.toml\n", encoding="utf-8-sig")
    tasks = read_cities(path, tmp_path / "out")
    assert [(one.id, one.name) for one in tasks] == [("paris-centre", "Paris, centre")]
    path.write_text("name\tstudy\nOslo\ta.toml\n", encoding="utf-8")
    assert read_cities(path, tmp_path / "out")[0].name == "Oslo"
    path.write_bytes("name,study\nZürich,a.toml\n".encode("latin-1"))
    with pytest.raises(SourceError, match="is no UTF-8"):
        read_cities(path, tmp_path / "out")


def test_a_process_that_breaks_off_is_no_finished_city(listed, tmp_path, monkeypatch) -> None:
    """An exit code of 1 is an error nobody foresaw; an older study in the folder must not pass for this one."""
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    old = tmp_path / "out" / "east"
    old.mkdir(parents=True)
    (old / "report.html").write_text("of another day")
    outcomes = run_cities(listed, tmp_path / "out")
    assert {one.status for one in outcomes} == {"failed"}
    assert not (tmp_path / "out" / "manifests").exists()


def test_who_keeps_a_process_has_one_thread_when_it_forks() -> None:
    """Python and one of jemalloc, which stands a fork; another would leave its locks taken in each city."""
    code = (
        "import pathlib; from kcity_geo.cli.keeper import load; load(); "
        "print(*(p.read_text().strip() for p in pathlib.Path('/proc/self/task').glob('*/comm')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=one_thread(), capture_output=True, text=True, check=True
    )
    assert sorted(set(done.stdout.split()) - {"jemalloc_bg_thd"}) == [Path(sys.executable).name]
    assert done.stdout.split().count(Path(sys.executable).name) == 1


def test_a_kept_process_that_is_killed_takes_its_city_along(tmp_path, listed) -> None:
    """Both are gone, so that no second process writes the same city."""
    arguments = ["run", str(listed.parent / "east.toml"), "--out", str(tmp_path / "out"), "--quiet"]
    ended = {}

    def kill_the_kept() -> None:
        while "kept" not in ended:
            for kept in filter(is_kept, children(os.getpid())):
                if cities := children(kept):
                    ended["city"] = cities[0]
                    os.kill(kept, signal.SIGKILL)
                    ended["kept"] = kept
                    return
            time.sleep(0.02)

    killer = threading.Thread(target=kill_the_kept)
    killer.start()
    code, _ = run_kept(arguments, limit=0, timeout_s=120)
    killer.join()
    assert code == -signal.SIGKILL
    until = (
        time.monotonic() + 20
    )  # its files are closed; the system takes it off its list a moment later
    while not is_over(ended["city"]) and time.monotonic() < until:
        time.sleep(0.01)
    assert is_over(ended["city"])


def test_a_city_that_takes_too_long_is_ended(listed, tmp_path) -> None:
    outcomes = run_cities(listed, tmp_path / "out", limits=CityLimits(timeout_s=0.05))
    assert {one.error for one in outcomes if one.id != "broken"} == {"took longer than 0.05 s"}
    assert not (tmp_path / "out" / "manifests").exists()


def test_a_column_that_nobody_reads_is_told(tmp_path) -> None:
    path = tmp_path / "cities.csv"
    path.write_text("study,nmae,persons,Id\na.toml,Busan,3,b,more\n")
    with pytest.warns(kc.KCityWarning) as told:
        read_cities(path, tmp_path / "out")
    words = [str(one.message) for one in told]
    assert len(words) == 2
    assert "columns 'nmae', 'Id'" in words[0]
    assert "line 2: more values than columns" in words[1]
    assert "quotation marks" in words[1]


def test_options_of_a_list_and_of_a_study_are_not_mixed(tmp_path) -> None:
    for arguments, words in (
        (["run", "--out", "x"], "give a study file, or --cities"),
        (["run", "a.toml"], "--out DIR"),
        (["run", "a.toml", "--out", "x", "--workers", "2"], "go with --cities"),
        (["run", "--cities", "c.csv", "--out", "x", "--timings"], "go with one study"),
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert words in done.output


def test_the_page_of_a_stopped_run_waits_for_nothing(tmp_path, monkeypatch) -> None:
    listed = tmp_path / "cities.csv"
    listed.write_text("study,id\na.toml,a\nb.toml,b\n", encoding="utf-8")
    made = "kcity_geo.many.run.run_city"
    monkeypatch.setattr(
        made, lambda task, _: CityOutcome(id=task.id, status="failed", error="is none")
    )

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cities(listed, tmp_path / "out", told=stop)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "The run was stopped" in page
    assert "refresh" not in page


def test_a_disk_that_takes_no_manifest_stops_no_other_city(tmp_path, monkeypatch) -> None:
    listed, out = tmp_path / "cities.csv", tmp_path / "out"
    listed.write_text("study,id\na.toml,a\nb.toml,b\n", encoding="utf-8")
    out.mkdir()
    (out / "manifests").write_text("a file where the folder should be")
    monkeypatch.setattr("kcity_geo.many.process._one_process", lambda *_: (0, "", (1.0, 0.1)))
    outcomes = run_cities(listed, out)
    assert [(one.id, one.status) for one in outcomes] == [("a", "failed"), ("b", "failed")]
    assert outcomes[0].error.startswith("its manifest cannot be written")
