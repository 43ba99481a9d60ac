"""Broken disks, killed processes, odd names and control characters: the former result stays whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pyogrio
import pytest

from kcity_geo.errors import OutputError
from kcity_geo.outputs import folder as folders
from kcity_geo.outputs import study_files
from kcity_geo.outputs.folder import check_out_dir, save
from kcity_geo.outputs.tables import save_csv
from kcity_geo.outputs.text import csv_safe, json_text, plain_lines
from kcity_geo.studyfile import check_study, resolve_path

HERE = Path(__file__).parent
MARKUP = 'A <b>&amp; "q" \' ]]></maplayer> [% 1+1 %] {{7*7}} Z'
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
CONTROLS = {
    "title of the window": "A \x1b]0;PWNED\x07 Z",
    "screen cleared": "A \x1b[2J\x1b[1;1Herror: fake line Z",
    "eight-bit escape": "A \x9b31m Z",
    "carriage return": "harmless\rerror: fake",
    "backspace": "A\x08\x08\x08 Z",
    "delete": "A\x7f Z",
    "line separator": "A\u2028Z",
    "reading direction": "A \u202etxt.exe Z",
    "isolate": "A \u2067 Z",
    "nul": "A\x00Z",
}


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def small(coarse_saved):
    return coarse_saved[0]


@pytest.fixture(scope="module")
def saved(coarse_saved) -> Path:
    return coarse_saved[1]


@pytest.fixture
def former(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "out"))


# ---------------------------------------------------------------- control characters


@pytest.mark.parametrize("text", CONTROLS.values(), ids=list(CONTROLS))
def test_no_control_character_leaves_by_any_door(text) -> None:
    for out in (plain_lines(text), json_text({text: [text]}), str(csv_safe(text))):
        assert not UNSEEN.search(out), ascii(out)


def test_lines_stay_lines_and_json_keeps_what_it_escapes() -> None:
    assert plain_lines("a\n  b") == "a\n  b"
    for text in CONTROLS.values():
        assert json.loads(json_text([text])) == [text]


@pytest.mark.parametrize("text", CONTROLS.values(), ids=list(CONTROLS))
def test_csv_files_hold_none_in_cells_and_heads(tmp_path, text) -> None:
    save_csv(pd.DataFrame({text: [text, "=" + text], "n": [1.5, -2.0]}), tmp_path / "a.csv")
    written = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert not UNSEEN.search(written)
    assert written.count("\n") == 3
    assert "\n'=" in written


@pytest.fixture(scope="module")
def odd(build, tmp_path_factory, dots_for_pictures) -> Path:
    """A study whose names are markup, expressions of QGIS and templates, and every control character."""
    study = build(name=" ".join((MARKUP, *CONTROLS.values())), cell_m=500.0)
    with dots_for_pictures():
        return save(study, tmp_path_factory.mktemp("odd") / "out")


def _qgis_project(folder: Path) -> ET.Element:
    with zipfile.ZipFile(folder / "study.qgz") as parts:
        name = next(n for n in parts.namelist() if n.endswith(".qgs"))
        return ET.fromstring(parts.read(name))  # noqa: S314 - a file that we wrote


def test_projects_of_gis_programs_hold_names_as_text_and_nothing_more(odd, saved) -> None:
    project, plain = _qgis_project(odd), _qgis_project(saved)
    assert MARKUP in project.find("title").text
    tags = [[element.tag for element in one.iter()] for one in (project, plain)]
    assert tags[0] == tags[1]  # no element is born from a name
    expressions = ("expression", "mapTip", "previewExpression", "labelexpression")
    for element in project.iter():
        if element.tag in expressions:
            assert "1+1" not in (element.text or "")
    told, same = (
        json.loads((folder / "study.geolibre.json").read_text(encoding="utf-8"))
        for folder in (odd, saved)
    )
    assert MARKUP in told["name"]
    assert told.keys() == same.keys()
    assert [layer["id"] for layer in told["layers"]] == [layer["id"] for layer in same["layers"]]
    names = {
        feature["properties"].get("name")
        for layer in told["layers"]
        if layer["sourcePath"] == "districts.geojson"
        for feature in layer["geojson"]["features"]
    }
    assert any(str(name).startswith(MARKUP) for name in names)


def test_no_file_of_a_study_holds_any(odd) -> None:
    out = odd
    for path in out.rglob("*"):
        if path.suffix in {".csv", ".txt", ".toml", ".geojson", ".html"}:
            text = path.read_text(encoding="utf-8")
            # The style sheet of Leaflet is indented with tabs.
            assert not UNSEEN.search(text.replace("\t", "")), path.name
    tomllib.loads((out / "study.toml").read_text(encoding="utf-8"))
    for layer, _ in pyogrio.list_layers(out / "study.gpkg"):
        frame = pyogrio.read_dataframe(out / "study.gpkg", layer=layer, read_geometry=False)
        for column in frame.select_dtypes(include=["object", "string"]):
            assert not frame[column].dropna().astype(str).str.contains(UNSEEN).any(), layer
    cells = pd.read_parquet(out / "cells.parquet").select_dtypes(include=["object", "string"])
    for column in cells:
        texts = cells[column][cells[column].map(lambda v: isinstance(v, str))]
        assert not texts.astype(str).str.contains(UNSEEN).any(), column


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_gets_no_foreign_escape_sequence() -> None:
    import pty

    prints = (
        "console.say({!r})",
        "console.print_rows([{{'kind': 'a', 'name': {!r}}}], ('kind', 'name'))",
        "console.print_warnings([{!r}], quiet=False)",
    )
    kinds = ("title of the window", "screen cleared", "eight-bit escape")
    calls = [print_it.format(CONTROLS[kind]) for print_it in prints for kind in kinds]
    code = "\n".join(["from kcity_geo.cli import console", *calls])
    reader, writer = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=writer,
        stderr=writer,
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1"},
        check=False,
    )
    os.close(writer)
    seen = b""
    try:
        while part := os.read(reader, 65536):
            seen += part
    except OSError:
        pass
    os.close(reader)
    assert done.returncode == 0, seen
    assert seen.count(b"Z") >= len(calls), seen
    assert b"\x1b" not in seen
    assert b"\x9b" not in seen.replace(b"\xc2", b"")
    assert b"\x07" not in seen


# ---------------------------------------------------------------- disks


_SAVE = """
import importlib.util, resource, sys
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)
from kcity_geo.errors import OutputError
from kcity_geo.outputs.folder import save
result = made.make_result(cell_m=500.0, name="Other")
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for limit in map(int, sys.argv[3:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        save(result, sys.argv[2])
    except OutputError as error:
        print("refused:", error)
    else:
        print("saved")
"""


@pytest.mark.skipif(os.name == "nt", reason="needs limits of processes")
def test_a_disk_that_takes_no_more_is_told_in_one_line(former) -> None:
    """No file may grow beyond the limit, whichever library writes it."""
    before = _bytes(former)
    limits = ["0", "40000"]
    done = subprocess.run(
        [sys.executable, "-c", _SAVE, str(HERE / "conftest.py"), str(former), *limits],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(limits), (done.stdout, done.stderr[-2000:])
    assert all(line.startswith("refused:") for line in lines), lines
    assert _bytes(former) == before
    assert [p.name for p in former.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("share", [0.3, 0.88, 0.97])
def test_a_full_disk_leaves_the_former_result_and_nothing_else(
    small, saved, tmp_path, capfd, share
) -> None:
    """The disk ends among the GeoJSON files, in the GeoPackage, among the rasters."""
    total = sum(p.stat().st_size for p in saved.rglob("*") if p.is_file())
    words = ["mount", "-t", "tmpfs", "-o", f"size={int(total * (1.08 + share))}", "none"]
    if (
        os.geteuid()
        or subprocess.run([*words, tmp_path], check=False, capture_output=True).returncode
    ):
        pytest.skip("no small file system can be mounted here")
    try:
        former = Path(shutil.copytree(saved, tmp_path / "out"))
        before = _bytes(former)
        capfd.readouterr()
        with pytest.raises(OutputError, match="the disk is full"):
            save(small, former)
        assert _bytes(former) == before
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
        assert capfd.readouterr() == ("", "")  # no library talks to the terminal
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _errors():
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
    from rasterio._err import CPLE_AppDefinedError
    from rasterio.errors import RasterioIOError

    return [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        FeatureError("Could not add feature to layer at index 7"),
        DataLayerError("sqlite3_exec(COMMIT) failed: database or disk is full"),
        DataSourceError("failed to create"),
        CPLE_AppDefinedError(3, 1, "TIFFAppendToStrip:Write error at scanline 0"),
        RasterioIOError("write failed"),
    ]


@pytest.mark.parametrize("error", _errors(), ids=lambda e: type(e).__name__)
def test_whatever_a_library_raises_the_former_result_stays(
    small, former, monkeypatch, error
) -> None:
    before = _bytes(former)

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(study_files, "write_study", broken)
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0}))
    with pytest.raises(OutputError, match="the disk is full"):
        save(small, former)
    assert _bytes(former) == before
    assert [p.name for p in former.parent.iterdir()] == ["out"]


def test_a_fault_of_the_program_is_not_taken_for_a_full_disk(small, former, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(study_files, "write_study", broken)
    with pytest.raises(KeyError):
        save(small, former)
    assert [p.name for p in former.parent.iterdir()] == ["out"]


# ---------------------------------------------------------------- names of folders


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\nb", "line feed"),
        ("a\rb", "control character"),
        ("a\x1b[2Jb", "control character"),
        ("a\x85b", "control character"),
        ("a\udcffb", "UTF-8"),
        ("a\u202eb", "control character"),
        ("x" * 256, "too long|cannot be used"),
        ("x/" * 2000, "too long|cannot be used"),
        ("한" * 86, "too long|cannot be used"),
        ("~nobody-of-this-name/x", "cannot be used"),
        ("/vsimem/out", "vsi"),
    ],
)
def test_an_odd_name_is_refused_before_work_starts(tmp_path, monkeypatch, name, words) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=words) as told:
        check_out_dir(name)
    assert not UNSEEN.search(str(told.value))
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_a_loop_of_links_is_refused(tmp_path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError):
        check_out_dir(tmp_path / "a")


@pytest.mark.usefixtures("no_pictures")
def test_a_name_that_is_only_unusual_works(small, tmp_path) -> None:
    name = "-'q' \"q\" a?b [x]* 한빛 시 #%20"
    out = save(small, tmp_path / name)
    assert (out / "map.html").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [name]


# ---------------------------------------------------------------- killed while saving


_SLOW = """
import importlib.util, os, sys, time, typer
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec); spec.loader.exec_module(made)
from kcity_geo.cli.console import plain_errors
from kcity_geo.outputs.folder import save
result = made.make_result(cell_m=500.0, name="Other")
def tell(name):
    if name == "map.html":  # four files are written
        print("now", os.getpid(), flush=True)
        time.sleep(60)
def run(out):
    try:
        with plain_errors():
            save(result, out, progress=tell)
    except typer.Exit as end:
        sys.exit(end.exit_code)
for line in sys.stdin:
    out = line.removesuffix(chr(10))
    if not (child := os.fork()):
        os.dup2(os.open(f"{out}.told", os.O_WRONLY | os.O_CREAT), 2)
        try:
            run(out)
        except SystemExit as end:
            os._exit(end.code)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def slow():
    """A process that has loaded everything: it forks one that saves for each folder that it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, str(HERE / "conftest.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.usefixtures("quick_files")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_ends_while_saving_leaves_the_former_result(
    small, former, slow, number
) -> None:
    before = _bytes(former)
    told = former.parent / f"{former.name}.told"
    slow.stdin.write(f"{former}\n")
    slow.stdin.flush()
    word, process = slow.stdout.readline().split()
    assert word == "now"
    # A second run beside it leaves its work alone.
    stages = [p for p in former.parent.iterdir() if p not in {former, told}]
    assert stages
    folders.clear_left_over(former.parent, [former.name])
    assert all(p.exists() for p in stages)
    os.kill(int(process), number)
    code = int(slow.stdout.readline())
    words = told.read_text(encoding="utf-8")
    told.unlink()
    assert _bytes(former) == before
    left = [p.name for p in former.parent.iterdir() if p != former]
    if number == signal.SIGKILL:
        assert code == -number
        assert len(left) == 1
        save(small, former)
        left = [p.name for p in former.parent.iterdir() if p != former]
    else:
        assert "stopped" in words
        assert code == 128 + number
        assert "Traceback" not in words
    assert left == []


def test_a_former_result_that_was_moved_aside_comes_back(build, former) -> None:
    """Where two folders cannot change places in one step, a kill may leave the place empty."""
    before = _bytes(former)
    stage = Path(folders.tempfile.mkdtemp(prefix=folders._stage_name(former), dir=former.parent))
    (stage / "lock").touch()
    former.rename(stage / "previous")
    folders.clear_left_over(former.parent, [former.name])
    assert _bytes(former) == before
    assert [p.name for p in former.parent.iterdir()] == ["out"]


def test_somebody_elses_folder_of_such_a_name_stays(former) -> None:
    own = former.parent / f"{folders._stage_name(former)}mine"
    own.mkdir()
    (own / "thesis.docx").touch()
    folders.clear_left_over(former.parent, [former.name])
    assert (own / "thesis.docx").exists()


def test_a_stage_that_is_being_made_is_left_alone_and_an_old_one_goes(former) -> None:
    fresh, old = (former.parent / f"{folders._stage_name(former)}{n}" for n in ("a", "b"))
    fresh.mkdir()
    old.mkdir()
    os.utime(old, (time.time() - 3600,) * 2)
    folders.clear_left_over(former.parent, [former.name])
    assert fresh.exists()
    assert not old.exists()


def test_what_was_left_beside_results_of_other_names_goes_but_a_former_result(former) -> None:
    folder, stages = former.parent, []
    for name, part in (("a", "new"), ("b", "previous")):
        stage = folder / f"{folders._stage_name(folder / name)}x"
        (stage / part).mkdir(parents=True)
        (stage / "lock").touch()
        stages.append(stage)
    folders.clear_left_over(folder, ["out"])
    assert all(stage.exists() for stage in stages)
    folders.clear_left_over(folder, ["out"], others=True)
    assert [stage.exists() for stage in stages] == [False, True]
    folders.clear_left_over(folder, ["out", "b"], others=True)
    assert [stage.exists() for stage in stages] == [False, False]
    assert (folder / "b").is_dir()  # put back


@pytest.mark.usefixtures("quick_files")
@pytest.mark.parametrize("exchange", [True, False])
def test_the_new_result_takes_the_place_of_the_former(build, former, monkeypatch, exchange) -> None:
    if not exchange:
        monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    save(build(cell_m=500.0, name="Other"), former)
    assert "Other" in (former / "map.html").read_text(encoding="utf-8")
    assert [p.name for p in former.parent.iterdir()] == ["out"]


# ---------------------------------------------------------------- the written study


@pytest.mark.parametrize(
    ("sources", "key"),
    [
        ({"extra": {"health": "in/clinics.csv"}}, "health"),
        ({"extra": {"school": "in/a b.geojson", "health": "in/clinics.csv"}}, "school"),
        ({"extra": {"water_point": "in/taps.gpkg#taps"}}, "water_point"),
    ],
)
def test_paths_inside_tables_are_rewritten_too(tmp_path, sources, key) -> None:
    from kcity_geo.outputs.studytoml import study_toml

    (tmp_path / "in").mkdir()
    for name in ("clinics.csv", "a b.geojson", "taps.gpkg"):
        (tmp_path / "in" / name).write_bytes(b"x")
    study = check_study({"sources": sources}, folder=tmp_path)
    out = tmp_path / "out" / "a"
    out.mkdir(parents=True)
    text = study_toml(study, out=out)
    again = check_study(tomllib.loads(text), folder=out)
    found = resolve_path(again, str(again.sources.extra[key]), key=key)
    assert str(found) == str(tmp_path / sources["extra"][key])
    assert str(tmp_path) not in text
