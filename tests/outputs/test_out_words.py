"""What the readings are called and mean: the limits of the study, each colour once, ranges as ranges."""

from __future__ import annotations

import dataclasses
import re

import geopandas as gpd
import pytest
import shapely

from kcity_geo.analysis.gaps.words import READINGS, reading_words
from kcity_geo.outputs.explain import explain
from kcity_geo.outputs.languages import language_of, speaking, translated
from kcity_geo.outputs.map_names import _districts, _told_nearly, names_payload
from kcity_geo.outputs.map_story import story_steps
from kcity_geo.outputs.maps import build_map
from kcity_geo.outputs.report import build_report
from kcity_geo.outputs.summary import summarise
from kcity_geo.outputs.text import value_words
from kcity_geo.outputs.themes import LEGEND_ORDER


@pytest.mark.usefixtures("no_pictures")
def test_the_meanings_name_the_limits_of_the_study(result) -> None:
    own = dataclasses.replace(result.gaps.limits, short=0.35, falls_short=0.95)
    meaning = reading_words("", limits=own)[READINGS.index("falls_short")]["meaning"]
    assert meaning == "a gap of 35 % or more in at least 95 % of cases like this"
    flood = reading_words("flood", limits=own)[READINGS.index("partly_short")]["meaning"]
    assert flood.startswith("20 % to 35 % of the ground")
    study = dataclasses.replace(result, gaps=dataclasses.replace(result.gaps, limits=own))
    assert "a gap of 20 % to 40 % at best estimate" in explain(result.gaps)
    assert "a gap of 35 % or more in at least 95 %" in build_report(study).replace("\u00a0", " ")


def test_a_legend_names_each_colour_once(result) -> None:
    readings = (*summarise(result).readings, ("#0072b2", "Hardly flood-prone", "little"))
    keys = dataclasses.replace(summarise(result), readings=readings).keys
    assert len({colour for colour, _ in keys}) == len(keys)
    assert dict(keys)["#0072b2"].split(" / ")[-1] == "Hardly flood-prone"
    titles = [title for _, names in keys for title in names.split(" / ")]
    assert titles.count("Hardly flood-prone") >= 1
    assert set(titles) == {title for _, title, _ in readings}


def test_keys_stand_from_short_to_adequate_as_legends_do(result) -> None:
    colours = [colour for colour, _ in summarise(result).keys]
    worst_first = [reading_words("")[READINGS.index(key)]["colour"] for key in LEGEND_ORDER]
    assert colours == [colour for colour in worst_first if colour in colours]
    assert len(colours) > 2


def test_pages_name_no_keys_of_a_study_file_and_write_percent_one_way() -> None:
    said = "needs land cover data (sources.landcover); mapped land use covers 40%"
    assert translated(said) == "needs land cover data; mapped land use covers 40 %"
    assert translated("set official.peak_demand_mw") == "give the peak power demand"
    with speaking(language_of("ko")):
        assert translated("needs land cover data (sources.landcover)").endswith("필요함")
        assert "official" not in translated(
            "survey the water points, or set official.piped_water_access or a table by district"
        )


def test_the_map_leaves_out_a_place_that_its_district_names(result) -> None:
    """Districts stand in metres, the names of a map in degrees."""
    districts = result.data.city.districts
    spots = [shape.representative_point() for shape in districts.geometry[:2]]
    names = [f"{str(districts['name'].iloc[0])[:-1]}{letter}" for letter in "hh"]
    layer = gpd.GeoDataFrame(
        {"place": ["suburb", "suburb"], "name": names}, geometry=spots, crs=districts.crs
    )
    named = districts.assign(name=[f"{names[0]}e", *districts["name"][1:]])
    city = dataclasses.replace(result.data.city, districts=named)
    data = dataclasses.replace(result.data, city=city, layers={"place": layer})
    rows = names_payload(dataclasses.replace(result, data=data))["places"]
    assert sorted(row[4] for row in rows) == [0, 99], "in its district, and in another one"


@pytest.mark.parametrize(
    ("place", "lon", "hidden"),
    [
        ("Les Moneghetti", 0.5, True),
        ("les monegettí", 0.5, True),
        ("Les Moneghetti", 1.5, False),
        ("La Rousse", 0.5, False),
    ],
)
def test_a_place_that_its_district_names_in_another_spelling_is_not_named_twice(
    place, lon, hidden
) -> None:
    outlines = [(name, shapely.box(0, 0, 1, 1)) for name in ("Les Monegetti", "Quarter 1")]
    assert _told_nearly([0.5, lon, place, "", 0], outlines) == hidden
    assert not _told_nearly([0.5, 0.5, "Quarter 2", "", 0], outlines)


def test_a_value_of_which_only_bounds_are_known_is_written_as_its_range() -> None:
    nan = float("nan")
    told = [
        value_words(0.58, low=low, high=high, units="share")
        for low, high in ((0.33, 1.0), (nan, 1.0), (0.58, 0.58))
    ]
    assert told == ["33 % to 100 %, counted as 58 %", "58 %", "58 %"]


def test_the_key_below_the_bars_is_striped_where_the_bars_are(result) -> None:
    """Cannot tell is striped in a bar and was solid in the key."""
    page = build_map(result)
    key = page.partition('class="kc-keys"')[2].partition("</div>")[0]
    bars = set(re.findall(r'class="kc-hatch" style="width:[^"]*background-color:(#\w+)', page))
    striped = {
        colour
        for hatch, colour in re.findall(r'kc-chip( kc-hatch)?" style="background-color:(#\w+)', key)
        if hatch
    }
    assert bars
    assert bars <= striped
    # Live weights stand below the list of sites, whatever headings follow.
    assert page.count('id="kc-sites-title"') == 1
    assert 'getElementById("kc-sites-title")' in page


def test_the_name_of_a_district_stands_on_its_largest_part(build) -> None:
    """An exclave of the district north of the main land drew the label."""
    study = build()
    frame = study.data.city.districts
    whole = frame.geometry.iloc[0]
    west, south, east, north = whole.bounds
    parts = [
        shapely.box(west, south, west + (east - west) / 9, north),
        shapely.box(east, south, east + (east - west) / 5, south + (north - south) / 100),
    ]
    shapes = [shapely.MultiPolygon(parts), *frame.geometry.iloc[1:]]
    city = dataclasses.replace(
        study.data.city, districts=frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs))
    )
    data = dataclasses.replace(study.data, city=city)
    lat, lon, *_ = next(_districts(dataclasses.replace(study, data=data), {}))
    point = gpd.GeoSeries([shapely.Point(lon, lat)], crs=4326).to_crs(frame.crs)
    assert parts[0].contains(point[0])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_story_calls_data_good_enough_only_where_everything_is_read(result, language) -> None:
    def told(**counts: float) -> str:
        city = result.gaps.city.copy()
        city[["people_cannot_tell", "people_not_assessed"]] = 0.0
        for name, people in counts.items():
            level, _, key = name.partition("_")
            city.loc[level, f"people_{key}"] = people
        study = dataclasses.replace(result, gaps=dataclasses.replace(result.gaps, city=city))
        steps = story_steps(study, summarise(study), first_theme="x", language=language)
        return str(steps[2]["sentence"])

    enough = told()
    assert "good enough" in enough or "충분합니다" in enough
    # not assessed, and nobody can tell of the land that may be flooded: neither is an answer
    for open_ in ({"water_not_assessed": 812.0}, {"flood_cannot_tell": 812.0}):
        sentence = told(**open_)
        assert sentence != enough
        assert "812" in sentence
    assert "43" in told(flood_not_assessed=812.0, transport_cannot_tell=43.0), "a survey can tell"


@pytest.mark.usefixtures("no_pictures")
def test_limits_of_sites_are_words_and_no_keys(result) -> None:
    page = build_report(result)
    assert "smallest area" in page
    assert not re.search(r"min area|min width|compactness min", page)
