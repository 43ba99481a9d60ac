"""Tags of layers in a study file: checked, read from the map, told in the report."""

from __future__ import annotations

import tomllib

import pytest

import kcity_geo as kc
from kcity_geo.errors import StudyError
from kcity_geo.layer_tags import tags_in_words
from kcity_geo.notes import muted
from kcity_geo.outputs.assumptions import parameter_rows
from kcity_geo.outputs.studytoml import study_toml
from kcity_geo.sources.osm.rules import rules
from kcity_geo.sources.products.overpass import query_tags
from kcity_geo.studyfile import check_study

LOCAL = {
    "health": {"also": [{"amenity": ["dispensary"], "geometry": ["point"]}]},
    "toilets": {"rules": [{"building": ["toilets"], "not": {"access": ["private"]}}]},
    "read_as": [{"when": {"amenity": "health_post"}, "set": {"amenity": "clinic"}}],
}
NODES = (
    ("amenity", "dispensary"),
    ("amenity", "health_post"),
    ("amenity", "clinic"),
    ("amenity", "toilets"),
    ("building", "toilets"),
)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"helth": {"also": []}}, "tags.helth: no such layer; did you mean 'health'"),
        ({"planned": {"also": [{"power": ["line"]}]}}, "tags.planned: no such layer"),
        ({"health": {"als": []}}, "tags.health.als: no such key; did you mean 'also'"),
        ({"health": {"also": []}}, "tags.health.also: needs a list like"),
        ({"health": {"also": ["clinic"]}}, "tags.health.also: 'clinic' is no rule"),
        ({"health": {"also": [{"not": {"a": ["b"]}}]}}, "names no tag"),
        ({"health": {"also": [{"amenity": "clinic"}]}}, "tags.health.also.amenity: needs a list"),
        ({"health": {"also": [{"amenity": [3]}]}}, "tags.health.also.amenity: needs a list"),
        ({"health": {"rules": [{"a": ["b"], "geometry": ["line"]}]}}, "this layer takes point, polygon"),
        ({"read_as": [{"when": {"a": "b"}}]}, "tags.read_as: {'when': {'a': 'b'}} is no row like"),
        ({"read_as": {"a": "b"}}, "tags.read_as: needs rows like"),
    ],
)  # fmt: skip
def test_wrong_tags_stop_before_work_starts(tags, said, tmp_path) -> None:
    with pytest.raises(StudyError) as caught:
        check_study({"tags": tags}, folder=tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rules_are_added_replaced_and_read_as_others() -> None:
    own, plain = rules(LOCAL), rules()
    assert own.match({"amenity": "dispensary"}).point == (("health", "dispensary"),)
    assert not own.match({"amenity": "dispensary"}).polygon
    assert own.match({"amenity": "clinic"}).point == plain.match({"amenity": "clinic"}).point
    assert own.match({"amenity": "health_post"}).point == (("health", "clinic"),)
    assert not own.match({"amenity": "toilets"})
    assert ("toilets", "toilets") in own.match({"building": "toilets"}).point
    assert not own.match({"building": "toilets", "access": "private"}).point
    assert not plain.match({"amenity": "dispensary"})
    assert rules() is plain


def test_overpass_is_asked_for_the_tags_of_the_study() -> None:
    own = {"jobs": {"also": [{"industrial_estate": ["yes"]}]}}
    assert "industrial_estate" not in query_tags()
    assert query_tags(own)["industrial_estate"] == ["construction", "planned", "proposed", "yes"]


def extract(path) -> None:
    """Nodes in a row, 0.001 degrees apart."""
    nodes = "".join(
        f'<node id="{i + 1}" version="1" lat="47.1" lon="{9.5 + i / 1000}"><tag k="{k}" v="{v}"/></node>'
        for i, (k, v) in enumerate(NODES)
    )
    path.write_text(f'<osm version="0.6">{nodes}</osm>', encoding="utf-8")


def test_a_study_reads_its_own_tags_and_tells_so(tmp_path) -> None:
    extract(tmp_path / "town.osm")
    raw = {
        "city": {"name": "Town", "bbox": [9.49, 47.09, 9.52, 47.11]},
        "sources": {"osm": "town.osm"},
    }
    study = check_study({**raw, "tags": LOCAL}, folder=tmp_path)
    with muted():
        data, plain = kc.load(study), kc.load(check_study(raw, folder=tmp_path))
    assert sorted(data.layers["health"]["kind"]) == ["clinic", "clinic", "dispensary"]
    assert sorted(plain.layers["health"]["kind"]) == ["clinic"]
    assert [data.layers[name]["osm_id"].tolist() for name in ("toilets",)] == [[5]]
    assert plain.layers["toilets"]["osm_id"].tolist() == [4]
    about = next(one for one in data.provenance if one.id == "osm")
    assert "tags.health.also of the study file: amenity=dispensary" in about.note
    told = {row["key"]: row["mark"] for row in parameter_rows(study)}
    assert {told[key] for key in tags_in_words(LOCAL)} == {"U"}
    again = tomllib.loads(study_toml(study, out=tmp_path))
    assert check_study(again, folder=tmp_path).tags == LOCAL
