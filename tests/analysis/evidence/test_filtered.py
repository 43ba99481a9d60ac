"""A map that was filtered for one purpose is recognised, and a sparse or rich one is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import osmium
import pandas as pd
import pytest

from kcity_geo.analysis.evidence.filtered import silent_themes, withheld
from kcity_geo.analysis.settlement.mapped_buildings import enough_for
from kcity_geo.config import Config
from kcity_geo.demo.toy import make_toy
from kcity_geo.notes import collected, muted
from kcity_geo.result import Indicator
from kcity_geo.settings import settings_of
from kcity_geo.study import assess_gaps, load
from kcity_geo.studyfile import Study

FULL = {
    "roads_drive": 9000,
    "building": 120_000,
    "power_line": 300,
    "water_point": 90,
    "school": 200,
    "health": 80,
    "jobs": 2000,
    "landuse": 900,
    "transit_low": 400,
}


def themes(persons: float = 800_000.0, street_km: float = 1500.0, **counts: int) -> tuple[str, ...]:
    inventory = pd.DataFrame(
        {
            "layer": list(counts),
            "count": list(counts.values()),
            "length_km": [street_km if name == "roads_drive" else 0.0 for name in counts],
        }
    )
    return silent_themes(inventory, persons=persons)


def test_streets_without_anything_else_in_a_city_of_800_000() -> None:
    found = themes(roads_drive=9000)
    assert found == (
        "buildings",
        "power",
        "water and sewage",
        "schools",
        "health",
        "workplaces",
        "land use",
        "public transport",
    )
    assert themes(roads_drive=9000, building=19) == found  # a handful is none
    assert themes(float("nan"), roads_drive=9000) == found  # 1500 km of street: 300,000 people
    assert themes(float("nan"), street_km=2.0, roads_drive=20) == ()


@pytest.mark.parametrize(
    ("kept", "silent"),
    [
        (("building",), "schools"),
        (("power_line",), "streets"),
        (("transit_low", "roads_drive"), "buildings"),
        (("landuse", "jobs"), "health"),
        (("school", "health", "building"), "streets"),
    ],
)
def test_other_filters(kept: tuple[str, ...], silent: str) -> None:
    assert silent in themes(**{name: FULL[name] for name in kept})


@pytest.mark.parametrize(
    ("persons", "counts"),
    [
        (800_000.0, FULL),
        (800_000.0, {name: max(1, count // 20) for name, count in FULL.items()}),  # sparse
        (
            800_000.0,
            {
                name: count
                for name, count in FULL.items()
                if name not in {"water_point", "power_line"}
            },
        ),
        (3000.0, {"roads_drive": 60, "building": 500}),  # a village has no more
        (800_000.0, {"roads_drive": 0}),  # nothing at all: no filter, nothing mapped
        (0.0, {}),
    ],
)
def test_what_is_sparse_small_or_whole_is_no_filter(persons: float, counts: dict[str, int]) -> None:
    assert themes(persons, **(counts or {"roads_drive": 0})) == ()


def test_no_map_is_said_to_be_filtered_where_none_was_given() -> None:
    """Lines of a company alone: nobody left streets and buildings out of a map."""
    lines = pd.DataFrame({"layer": ["power_line"], "count": [40], "length_km": [300.0]})
    data = replace(make_toy(arrays={"population": 500.0}), inventory=lines)
    lit = Indicator(id="E3", value=0.0, units="share", layers=("roads_drive",))
    company = Study()
    with muted(), collected() as notes:
        (filtered,) = withheld([lit], data)
        (without,) = withheld([lit], replace(data, study=company))
    assert "it seems to be filtered" in filtered.not_assessed
    assert without.not_assessed == "no map was given (sources.osm)"
    assert len(notes) == 1


def test_a_handful_of_buildings_holds_no_city() -> None:
    assert not enough_for(19 * 300.0, 1_500_000.0)
    assert enough_for(400_000 * 60.0, 1_500_000.0)
    assert enough_for(19 * 300.0, float("nan"))
    assert enough_for(
        19 * 300.0,
        1_500_000.0,
        settings=settings_of("settlement", {"building_m2_per_person_min": 0.0}),
    )


def test_a_study_on_streets_only_assesses_no_power_water_or_school(
    tmp_path: Path, hanbit_town: Path
) -> None:
    """The town with its streets only: every sector that the map cannot speak of is not assessed."""
    streets = tmp_path / "streets.osm.pbf"
    keep = osmium.filter.KeyFilter("highway")
    with osmium.BackReferenceWriter(str(streets), str(hanbit_town / "city.osm.pbf")) as writer:
        for item in osmium.FileProcessor(str(hanbit_town / "city.osm.pbf")).with_filter(keep):
            if not item.is_node():
                writer.add(item)
    study = Study(
        study={"name": "x", "cell_m": 250},
        city={"name": "X", "boundary": str(hanbit_town / "boundary.geojson")},
        sources={
            "osm": str(streets),
            "population": str(hanbit_town / "population.tif"),
            "elevation": str(hanbit_town / "elevation.tif"),
        },
    )
    with muted():
        gaps = assess_gaps(load(study, config=Config(offline=True)))
    mute = {one.id for one in gaps.assessed if one.not_assessed}
    assert {"T1", "T9_health", "T9_school", "W1", "W2", "W3", "E5", "E6"} <= mute
    assert not {"T3", "T8"} & mute
    assert any("filtered, or drawn, for another purpose" in text for text in gaps.warnings)
