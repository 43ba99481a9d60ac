"""Own features of every layer change what `kcity check` says that they are used for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr

from kcity_geo.analysis.city_model import CityModel
from kcity_geo.analysis.suitability.constraints import build_constraints
from kcity_geo.analysis.suitability.criteria import CRITERIA
from kcity_geo.analysis.suitability.view import CityView, MissingDataError
from kcity_geo.analysis.transport.jobs import job_cells
from kcity_geo.analysis.water.piped import piped_coverage
from kcity_geo.config import read_table
from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy, toy_layer
from kcity_geo.errors import KCityWarning, StudyError
from kcity_geo.indicators import indicator_rows, load_function
from kcity_geo.result import Indicator
from kcity_geo.sources.local.ownlayers import append_own, read_own_layer
from kcity_geo.studyfile import check_study

OWN = read_table("extra")["layer"]
MAP = {row["id"]: row for row in read_table("osm")["layer"]}
USES = read_table("suitability/criteria")
#: What a file says of its features where the least claim of a layer is not enough.
SAYS = {
    "building": {"building": "office", "building:levels": 2.0},
    "drainage": {"waterway": "river", "name": "Han"},
    "health": {"amenity": "hospital"},
    "jobs": {"shop": "supermarket", "employees": 900.0},
    "power_gen": {"output_mw": 40.0},
    "power_line": {"voltage_kv": 110.0},
    "railway": {"service": "yard"},
    "sewage": {"capacity_persons": 500.0},
    "substation": {"voltage_kv": 110.0},
    "transformer": {"voltage_kv": 20.0},
    "transit_low": {"amenity": "bus_station"},
    "water_body": {"water": "lake"},
    "water_plant": {"capacity_m3_day": 2000.0},
    "water_store": {"natural": "water", "water": "reservoir", "volume_m3": 400.0},
}
SHAPES = {
    "point": shapely.Point(1210, 1190),
    "line": shapely.LineString([(1110, 300), (1110, 1700)]),
    "polygon": shapely.box(900, 900, 1500, 1500),
}
#: Of a layer that holds several.
SHAPE = {"telecom": "line", "water_store": "polygon"}


def own_file(folder, name: str, shape: shapely.Geometry) -> gpd.GeoDataFrame:
    path = folder / f"{name}.gpkg"
    toy_layer([SAYS.get(name, {}) | {"row": 1}], [shape]).drop(columns="osm_id").assign(
        **({"name": SAYS[name]["name"]} if "name" in SAYS.get(name, {}) else {})
    ).to_file(path)
    area = shapely.box(0, 40, 20, 50)
    return read_own_layer(path, name, key=f"sources.extra.{name}", area=area, crs=UTM)[0]


def shape_of(name: str) -> shapely.Geometry:
    return SHAPES[SHAPE.get(name, MAP[name]["geometry"][0])]


def streets() -> gpd.GeoDataFrame:
    span = np.arange(0, 2001, 250)
    ways = [[(x, y) for y in span] for x in span] + [[(x, y) for x in span] for y in span]
    rows = [{"highway": "residential", "node_ids": [10 * x + y for x, y in w]} for w in ways]
    return toy_layer(rows, [shapely.LineString(way) for way in ways])


@pytest.fixture(scope="module")
def cities(tmp_path_factory) -> list[Callable[[str], CityModel]]:
    """
    Cities in which features are looked for, each for a layer.

    One thing of each layer is mapped in a corner; nothing of the layer is; the same two without
    rasters; nothing is mapped at all.
    """
    folder = tmp_path_factory.mktemp("mapped")
    layers = {name: streets() for name in ("roads_drive", "roads_walk", "roads_cycle")}
    for name in OWN:
        corner = shapely.transform(shape_of(name), lambda xy: xy * 0.08 + 30)
        layers[name] = own_file(folder, name, corner)
    meadow = shapely.box(0, 0, 2000, 2000) - SHAPES["polygon"]
    layers["landuse"] = toy_layer([{"landuse": "meadow"}], [meadow])
    built = np.broadcast_to(
        np.arange(20) < 12, (20, 20)
    )  # the west is built up, the east is grass with few houses
    lit = np.zeros((20, 20))
    lit[[2, 3, 16, 17], [2, 3, 16, 17]] = 20.0
    data = make_toy(
        size_m=2000,
        arrays={
            "population": 12.0,
            "built_m2": np.where(built, 1500.0, 300.0),
            "landcover": np.where(built, 50.0, 30.0),
            "ghi": 1500.0,
            "nightlights": lit,
        },
        layers=layers,
        official={"electricity_access": 0.8},
    )
    x, y = WEST + np.arange(-500, 2500, 20.0), SOUTH + np.arange(2500, -500, -20.0)
    level = 20 + 0.01 * (x[None, :] - WEST) + 0.005 * (y[:, None] - SOUTH)
    dem = xr.DataArray(level, dims=("y", "x"), coords={"y": y, "x": x}, attrs={"units": "m"})
    full = CityModel(dataclasses.replace(data, dem=dem)).changed(
        settings={"transport": {"two_step_min": 15}}
    )
    bare = full.changed(cube={"landcover": None, "built_m2": None})
    nothing = {name: full.layers[name].iloc[:0] for name in (*OWN, "roads_drive")}
    empty = bare.changed(layers=nothing)

    def without(city: CityModel) -> Callable[[str], CityModel]:
        return lambda name: city.changed(layers={name: nothing[name]})

    return [lambda _: full, without(full), lambda _: bare, without(bare), lambda _: empty]


def indicator(city: CityModel, key: str) -> list[np.ndarray]:
    row = indicator_rows()[key]
    given = city.once(load_function(row), *row.arguments)
    several = [given] if isinstance(given, Indicator) else given
    found: list[np.ndarray] = []
    for one in several:
        if one.id == key:
            told = [v for v in one.details.values() if isinstance(v, int | float)]
            found += [np.array([one.value, *told], dtype=float)]
            found += [np.asarray(a, dtype=float) for a in (one.cells, one.gap) if a is not None]
    return found


def criterion(city: CityModel, key: str) -> list[np.ndarray]:
    try:
        return [CRITERIA[key](CityView(city, None)).values]
    except MissingDataError:
        return []


def constraint(city: CityModel, key: str) -> list[np.ndarray]:
    limits = {"built_max": 0.2, "airport_buffer_km": 0.3}
    limit = limits.get(key, 50.0 if key.endswith("_m") else "exclude")
    return [build_constraints(CityView(city, None), {key: limit})[0].excluded]


def uses(name: str) -> list[tuple[Callable[[CityModel, str], list[np.ndarray]], str]]:
    found = [(indicator, key) for key, row in indicator_rows().items() if name in row.layers]
    found += [(criterion, key) for key, row in USES["criterion"].items() if name in row["layers"]]
    return found + [
        (constraint, key) for key, row in USES["constraint"].items() if name in row["layers"]
    ]


def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return len(one) == len(two) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True)
    )


@pytest.mark.filterwarnings("ignore::kcity_geo.errors.KCityWarning")
@pytest.mark.parametrize("name", OWN)
def test_own_features_change_everything_that_the_rows_say(name, cities, tmp_path) -> None:
    own = own_file(tmp_path, name, shape_of(name))

    @cache
    def added(number: int) -> CityModel:
        city = cities[number](name)
        both = append_own(city.layers[name], own, layer=name, key="sources.extra")
        return city.changed(layers={name: both})

    assert uses(name)
    for measure, key in uses(name):
        assert any(
            not same(measure(city(name), key), measure(added(number), key))
            for number, city in enumerate(cities)
        ), f"own features of {name} do not change {key}, whose row names the layer"


@pytest.mark.parametrize("name", sorted(set(MAP) - set(OWN)))
def test_a_layer_of_the_map_that_takes_no_own_file_is_refused(name, tmp_path) -> None:
    with pytest.raises(StudyError, match=f"sources.extra.{name}: is read from the map alone"):
        check_study({"sources": {"extra": {name: "a.csv"}}}, folder=tmp_path)


def test_a_house_beside_a_main_is_likely_piped() -> None:
    main = toy_layer([{"diameter_mm": 200.0}], [shapely.LineString([(0, 450), (4000, 450)])])
    data = make_toy(arrays={"population": 1.0, "built_m2": 500.0}, layers={"water_pipe": main})
    found = piped_coverage(CityModel(data))
    # 100 people a km2 are far from 1,500, and no works is mapped: the main alone tells. It runs in
    # the 36th row of cells; a neighbour is 100 m away, as far as a house may be from its main.
    assert np.flatnonzero(found.cells[:, 7]).tolist() == [34, 35, 36]
    assert found.value == pytest.approx(3 / 40)
    works = toy_layer([{}], [shapely.Point(2000, 2000)])
    official = {"piped_water_access": 0.25}
    more = {"water_pipe": main, "water_plant": works}
    data = make_toy(arrays={"population": 1.0}, layers=more, official=official)
    placed = piped_coverage(CityModel(data)).cells
    assert placed[34:37].min() == 1.0, "beside the main first"
    assert placed.mean() == pytest.approx(0.25)
    assert placed[:34].max() < 1.0


def test_jobs_of_the_users_own_file_are_counted(tmp_path) -> None:
    path = tmp_path / "firms.csv"
    rows = [(500_050, 5_000_050, "300000"), (500_050, 5_000_050, "37921"), (500_150, 5_000_050, "")]
    path.write_text(
        "x,y,crs,employees\n" + "".join(f"{x},{y},EPSG:32632,{n}\n" for x, y, n in rows)
    )
    with pytest.warns(KCityWarning, match="1 of 3 rows have no number in the column employees"):
        own, _ = read_own_layer(
            path, "jobs", key="sources.extra.jobs", area=shapely.box(0, 40, 20, 50), crs=UTM
        )
    zone = toy_layer([{"landuse": "retail"}], [shapely.box(0, 0, 1000, 100)])
    found = job_cells(make_toy(layers={"jobs": own, "landuse": zone}))
    per_ha = CityModel(make_toy()).settings("transport")["jobs_ha_retail"]
    assert found[-1, 0] == 337_921, "the larger of the two, never their sum"
    assert found[-1, 1:10] == pytest.approx(per_ha)
    assert found.sum() == pytest.approx(337_921 + 9 * per_ha)
