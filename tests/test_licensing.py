"""What follows from the licences of inputs: a table of decisions, derived by hand from the licences."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from kcity_geo.cli import app
from kcity_geo.config import read_table
from kcity_geo.errors import LicenceError, SourceError
from kcity_geo.inputs.licences import refuse_forbidden_inputs
from kcity_geo.licensing import derived_terms, licence_row
from kcity_geo.outputs.attribution import terms_of
from kcity_geo.sources.local.origins import GUESSED, describe
from kcity_geo.studyfile import load_study


@pytest.mark.parametrize(
    ("inputs", "of_layers", "of_map"),
    [
        (["CC0-1.0", "public-domain"], "CC0-1.0", "CC0-1.0"),
        (["CC-BY-4.0", "CC0-1.0"], "CC-BY-4.0", "CC-BY-4.0"),
        # ODbL 4.4 a binds derivative databases, 4.5 b leaves produced works free
        (["ODbL-1.0", "CC-BY-4.0"], "ODbL-1.0", "CC-BY-4.0"),
        (["ODbL-1.0"], "ODbL-1.0", "own"),
        # share-alike of Creative Commons binds adapted works of every kind
        (["CC-BY-SA-4.0", "CC-BY-4.0"], "CC-BY-SA-4.0", "CC-BY-SA-4.0"),
        (["ODbL-1.0", "CC-BY-SA-4.0"], "conflict", "CC-BY-SA-4.0"),
        (["ODbL-1.0", "CC-BY-NC-4.0"], "conflict", "CC-BY-NC-4.0"),
        (["CC-BY-NC-4.0", "CC-BY-4.0"], "CC-BY-NC-4.0", "CC-BY-NC-4.0"),
        (["ODbL-1.0", "ask us"], "unknown", "unknown"),
        (["own"], "own", "own"),
        # NC-SA binds both ways; ODbL asks for another licence of the same layers
        (["CC BY-NC-SA 4.0", "CC-BY-4.0"], "CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0"),
        (["ODbL-1.0", "CC-BY-NC-SA-4.0"], "conflict", "CC-BY-NC-SA-4.0"),
        # what may not be changed is no input of anything: nobody has said that it may be used
        (["CC BY-NC-ND 4.0"], "unknown", "unknown"),
        (["CC-BY-ND-4.0"], "unknown", "unknown"),
    ],
)
def test_the_licence_of_the_whole(inputs, of_layers, of_map) -> None:
    assert derived_terms(inputs).id == of_layers
    assert derived_terms(inputs, picture=True).id == of_map


@given(st.lists(st.sampled_from(sorted(read_table("licences")["licence"])), min_size=1, max_size=5))
def test_what_one_input_asks_the_whole_asks(ids) -> None:
    terms = derived_terms(ids)
    for flag in ("attribution", "share_alike", "non_commercial", "no_redistribution"):
        assert getattr(terms, flag) == any(getattr(licence_row(one), flag) for one in ids)
    assert derived_terms(reversed(ids)).id == terms.id or len(set(ids)) > 1
    assert terms.words
    assert "{" not in terms.words


@pytest.mark.parametrize(
    ("licences", "whole"),
    [
        ([], "CC0-1.0"),
        # what nobody said of a further input is not known, in an invented city as elsewhere
        (["CC0-1.0", "unknown"], "unknown"),
        (["CC0-1.0", ""], "unknown"),
        # one invented input does not free the real ones
        (["CC0-1.0", "CC-BY-NC-4.0"], "CC-BY-NC-4.0"),
        (["CC0-1.0", "ODbL-1.0"], "ODbL-1.0"),
    ],
)
def test_an_invented_input_frees_no_other(licences, whole) -> None:
    data = SimpleNamespace(
        synthetic=True, provenance=[SimpleNamespace(licence=x) for x in licences]
    )
    assert terms_of(data).id == whole


def _study(folder, text: str = ""):
    (folder / "study.toml").write_text(
        '[study]\nname = "x"\nprofile = "commercial"\n[city]\nname = "X"\nbbox = [1.0, 2.0, 1.1, 2.1]\n'
        f'[sources]\npopulation = "people.tif"\n{text}'
    )
    return folder / "study.toml"


def test_a_forbidding_licence_stops_before_work_starts(tmp_path) -> None:
    (tmp_path / "people.tif").write_bytes(b"no raster at all: never read")
    note = tmp_path / "people.tif.json"
    note.write_text(json.dumps({"title": "Wealth", "licence": "CC BY-NC-SA 4.0"}))
    with pytest.raises(
        LicenceError, match=r"sources.population \(people.tif\).*NonCommercial-ShareAlike"
    ):
        refuse_forbidden_inputs(load_study(_study(tmp_path)))
    done = CliRunner().invoke(app, ["run", str(_study(tmp_path)), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "sources.population" in done.output
    assert not (tmp_path / "out").exists()
    note.write_text(json.dumps({"licence": "CC-BY-4.0", "attribution": "Somebody"}))
    refuse_forbidden_inputs(load_study(_study(tmp_path)))


def test_an_unknown_licence_of_any_input_stops_paid_work_and_says_what_to_do(tmp_path) -> None:
    (tmp_path / "people.tif").write_bytes(b"x")
    (tmp_path / "ours.csv").write_text("lon,lat\n1.05,2.05\n")
    shutil.copyfile(tmp_path / "ours.csv", tmp_path / "table.csv")
    file = _study(
        tmp_path, '[sources.extra]\nhealth = "ours.csv"\n[official]\ntable = "table.csv"\n'
    )
    with pytest.raises(LicenceError) as refused:
        refuse_forbidden_inputs(load_study(file))
    for key in ("sources.population", "sources.extra.health", "official.table"):
        assert f"{key} (" in str(refused.value)
    assert "FILE.json" in str(refused.value)
    for name in ("people.tif", "ours.csv", "table.csv"):
        (tmp_path / f"{name}.json").write_text('{"licence": "own"}')
    refuse_forbidden_inputs(load_study(file))


def test_a_study_that_is_no_paid_work_is_not_asked(tmp_path) -> None:
    (tmp_path / "people.tif").write_bytes(b"x")
    file = _study(tmp_path)
    file.write_text(file.read_text().replace('profile = "commercial"\n', ""))
    refuse_forbidden_inputs(load_study(file))


def test_the_demo_city_may_be_used_for_paid_work(hanbit_town, tmp_path) -> None:
    text = (hanbit_town / "study.toml").read_text(encoding="utf-8")
    for path in hanbit_town.iterdir():
        if path.is_file():
            shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "study.toml").write_text(
        text.replace("[study]\n", '[study]\nprofile = "commercial"\n', 1), encoding="utf-8"
    )
    refuse_forbidden_inputs(load_study(tmp_path / "study.toml"))
    (tmp_path / "gtfs.zip.json").unlink()
    with pytest.raises(LicenceError, match=r"sources.gtfs \(gtfs.zip\): its licence is not known"):
        refuse_forbidden_inputs(load_study(tmp_path / "study.toml"))


@pytest.mark.parametrize(
    ("name", "guessed"),
    [
        ("roughscan_licensed.tif", False),
        ("pop_plain.tif", False),
        ("paid_worldpop_licensed.tif", True),
        ("GHS_POP_E2020.tif", True),
        ("ghsl-2020.tif", True),
        ("N43E007.hgt", True),
    ],
)
def test_a_maker_told_by_a_name_is_a_guess_and_no_part_of_a_word_tells_one(
    tmp_path, name, guessed
) -> None:
    """`roughscan` was taken for GHS, whose free licence passed paid work."""
    file = tmp_path / name
    file.write_bytes(b"x")
    found = describe(file, key="population")
    assert (found.note == GUESSED) is guessed
    assert (found.licence == "unknown") is not guessed


def test_a_broken_note_beside_a_file_is_refused(tmp_path) -> None:
    (tmp_path / "pop.tif").write_bytes(b"x")
    (tmp_path / "pop.tif.json").write_text('{"licence": ')
    with pytest.raises(SourceError, match="pop.tif.json: the note beside pop.tif cannot be read"):
        describe(tmp_path / "pop.tif", key="population")
