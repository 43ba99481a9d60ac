from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kcity_geo import in_copy
from kcity_geo.errors import OutputError
from kcity_geo.outputs import check_out_dir, save
from kcity_geo.outputs import folder as folder_module
from kcity_geo.studyfile import check_study, resolve_path

PROMISED = {
    "map.html", "report.html", "sites.geojson", "districts.geojson", "gaps.geojson",
    "survey_tasks.geojson",
    "cells.parquet", "study.gpkg", "layers", "inventory.csv", "indicators.csv", "indicator_details.csv",
    "study.qgz", "study.xlsx", "study.geolibre.json", "datapackage.json", "stac-item.json",
    "columns.csv", "study.toml", "ATTRIBUTION.txt", "project_summary.json", "ledger.json",
}  # fmt: skip


def _bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def coarse(build):
    """Factory of studies with few cells: what is tested here are files, not numbers."""
    return lambda **changes: build(cell_m=500.0, **changes)


@pytest.fixture(scope="module")
def saved(coarse_saved) -> Path:
    return coarse_saved[1]


@pytest.fixture
def former(saved, tmp_path) -> Path:
    """A finished study in a folder of its own."""
    return Path(shutil.copytree(saved, tmp_path / "out"))


def test_every_promised_file_is_there_and_no_other(saved) -> None:
    assert {p.name for p in saved.iterdir()} == PROMISED
    assert [p.name for p in saved.parent.iterdir()] == ["out"]  # no temporary folder is left


def test_a_second_run_replaces_the_former_whole_with_the_same_bytes(
    coarse, saved, former, monkeypatch
) -> None:
    # With other tests beside it the first study was written by one process; this one is by two.
    monkeypatch.setattr(in_copy, "_can_fork", lambda: sys.platform.startswith("linux"))
    out = former
    for path in out.rglob("*.*"):
        if path.is_file():
            path.write_bytes(b"old")
    (out / "layers" / "stale.tif").write_bytes(b"old")
    (out / "study.gpkg-wal").write_bytes(b"")
    first, second = _bytes(saved), _bytes(save(coarse(), out))
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.usefixtures("quick_files")
def test_a_study_replaces_its_own_files_whatever_it_wrote(coarse, tmp_path) -> None:
    """Also those that are written only now and then; a second run is no stranger to the first."""
    result = coarse()
    unreadable = pd.DataFrame([["power_line", "way", 1, "voltage", "=1+1"]])
    unreadable.columns = ["layer", "osm_type", "osm_id", "key", "value"]
    result = replace(result, data=replace(result.data, unreadable_tags=unreadable))
    out = save(result, tmp_path / "out")
    assert (out / "unreadable_tags.csv").is_file()
    assert check_out_dir(out) == out


@pytest.mark.usefixtures("quick_files")
def test_a_failed_run_leaves_the_previous_result(coarse, former, tmp_path, monkeypatch) -> None:
    out = former
    before = _bytes(out)

    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kcity_geo.outputs.vectors.save_geopackage", broken)
    with pytest.raises(OutputError, match="No space left"):
        save(coarse(name="Other"), out)
    assert _bytes(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("quick_files")
def test_a_failed_move_puts_the_previous_result_back(coarse, former, tmp_path, monkeypatch) -> None:
    out = former
    before = _bytes(out)
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if Path(target) == out and "previous" not in self.name:
            raise PermissionError(13, "in use")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("kcity_geo.outputs.folder._exchanged", lambda *_: False)
    with pytest.raises(OutputError, match="in use"):
        save(coarse(name="Other"), out)
    monkeypatch.undo()
    assert _bytes(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_check_creates_nothing(tmp_path) -> None:
    assert check_out_dir(tmp_path / "x" / "y") == tmp_path / "x" / "y"
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "f").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="is a file"):
        check_out_dir(tmp_path / "f")
    with pytest.raises(OutputError, match="is a file"):
        check_out_dir(tmp_path / "f" / "below")


def test_somebody_elses_folder_is_refused(tmp_path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match=r"thesis\.docx"):
        check_out_dir(tmp_path)


def test_a_city_pack_is_refused(tmp_path) -> None:
    (tmp_path / "study.toml").write_text("", encoding="utf-8")
    (tmp_path / "city.osm.pbf").write_bytes(b"")
    with pytest.raises(OutputError, match="no finished study"):
        check_out_dir(tmp_path)


@pytest.mark.parametrize("name", ["notes.docx", "layers/mine.gpkg"])
def test_own_work_inside_a_former_study_is_not_lost(coarse, former, name) -> None:
    out = former
    (out / name).write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="would be lost"):
        save(coarse(), out)
    assert (out / name).read_text(encoding="utf-8") == "mine"


def test_an_empty_folder_is_welcome(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    assert check_out_dir(tmp_path / "empty") == tmp_path / "empty"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(tmp_path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            check_out_dir(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_permission_is_asked_for(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(folder_module.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="cannot be written"):
        check_out_dir(tmp_path / "out")


def test_nul_and_root_are_refused() -> None:
    with pytest.raises(OutputError, match="NUL"):
        check_out_dir("a\0b")
    with pytest.raises(OutputError, match="root"):
        check_out_dir(Path("/").anchor)


def test_the_written_study_runs_again_from_its_new_place(build, tmp_path) -> None:
    from kcity_geo.outputs.studytoml import study_toml

    folder = tmp_path / "in put"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "city.osm.pbf").write_bytes(b"x")
    (folder / "b.geojson").write_text("{}", encoding="utf-8")
    study = check_study(
        {
            "study": {"name": 'a "quoted" \\ name\n', "cell_m": 250},
            "city": {"name": "Ü 부산 🏭", "boundary": "b.geojson"},
            "sources": {
                "osm": "data/city.osm.pbf",
                "population": "${SOMEWHERE}/p.tif",
                "elevation": "pkg://kcity_geo/e.tif",
                "landcover": "esa_worldcover",
            },
            "official": {"electricity_access": 0.9},
            "standards": {"T4": {"target": 20.0}},
            "suitability": {"weights": {"slope_pct": 0.2}},
        },
        folder=folder,
    )
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    text = study_toml(study, out=out)
    again = check_study(tomllib.loads(text), folder=out)
    assert resolve_path(again, str(again.sources.osm), key="osm").read_bytes() == b"x"
    assert again.city.boundary is not None
    assert again.sources.population == "${SOMEWHERE}/p.tif"
    assert again.sources.elevation == "pkg://kcity_geo/e.tif"
    assert again.sources.landcover == "esa_worldcover"
    moved = {"sources", "city", "input_sha256"}
    assert again.model_dump(exclude=moved) == study.model_dump(exclude=moved)
    assert again.input_sha256 == {
        "../../in put/b.geojson": hashlib.sha256(b"{}").hexdigest(),
        "../../in put/data/city.osm.pbf": hashlib.sha256(b"x").hexdigest(),
    }
    assert str(tmp_path) not in text


def test_attribution_names_everybody(result, build) -> None:
    from kcity_geo.outputs.attribution import attribution_text, credits_line

    text = attribution_text(build(synthetic=False))
    assert "© OpenStreetMap contributors" in text
    assert "ODbL" in text
    assert "not for procurement" in text
    assert "does not exist" in attribution_text(result)
    assert credits_line(result.data).count("OpenStreetMap") == 1
