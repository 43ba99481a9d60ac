"""A small finished study made by hand, with every hole that a real one can have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from kcity_geo.analysis.gaps.words import READINGS, evidence_word, reading_codes, reading_title
from kcity_geo.city import City, make_city
from kcity_geo.citydata import CityData, Provenance
from kcity_geo.cube import cell_centres, district_shares, empty_cube, layer, study_grid
from kcity_geo.outputs import save
from kcity_geo.result import (
    LEVELS,
    SECTORS,
    THEMES,
    Constraint,
    Criterion,
    Gaps,
    Indicator,
    Result,
    Suitability,
)
from kcity_geo.studyfile import (
    CitySection,
    Official,
    Sources,
    Study,
    StudySection,
    SuitabilitySection,
)

WEST, SOUTH = -30.05, 45.0
NAN = float("nan")


def _districts(*, names: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Four quarters of a box of about 4 x 4 km."""
    w, h = 0.0255, 0.018
    boxes = [
        shapely.box(WEST + i * w, SOUTH + j * h, WEST + (i + 1) * w, SOUTH + (j + 1) * h)
        for j in (0, 1)
        for i in (0, 1)
    ]
    ids = [f"d{i + 1}" for i in range(4)]
    return gpd.GeoDataFrame({"district_id": ids, "name": list(names)}, geometry=boxes, crs=4326)


def _city(names: tuple[str, ...], city_name: str) -> City:
    frame = _districts(names=names)
    return make_city(city_name, shapely.union_all(frame.geometry.to_numpy()), districts=frame)


def _layers(city: City, name: str) -> dict[str, gpd.GeoDataFrame]:
    left, bottom, right, top = city.boundary_metric.bounds
    x, y = np.linspace(left, right, 9), np.linspace(bottom, top, 9)
    streets = [shapely.LineString([(a, bottom), (a, top)]) for a in x]
    streets += [shapely.LineString([(left, b), (right, b)]) for b in y]
    classes = ["primary", "residential"] * 9
    base = {"osm_type": "way", "tags": '{"a": "b"}'}

    def frame(geometry: list[Any], **columns: Any) -> gpd.GeoDataFrame:
        n = len(geometry)
        data = {"osm_id": np.arange(1, n + 1), **{k: [v] * n for k, v in base.items()}}
        return gpd.GeoDataFrame({**data, **columns}, geometry=geometry, crs=city.crs)

    river = shapely.LineString([(left, bottom), (left + 1500, bottom + 2500), (right, top)])
    middle = shapely.Point((left + right) / 2, (bottom + top) / 2)
    hospital = middle.buffer(120, quad_segs=2)
    return {
        "roads_drive": frame(streets, highway=classes, name=[name] * 18),
        "roads_walk": frame(streets, highway=classes, name=[name] * 18),
        "drainage": frame([river], waterway=["river"], name=[name]),
        "water_body": frame([river.buffer(60)], natural=["water"], name=[name]),
        "landuse": frame(
            [shapely.box(left, bottom, left + 1500, bottom + 900)],
            landuse=["industrial"],
            name=[name],
        ),
        "health": frame(
            [hospital, shapely.Point(left + 500, bottom + 500)],
            amenity=["hospital", "clinic"],
            name=[name, None],
        ),
        "school": frame([shapely.Point(right - 700, top - 600)], amenity=["school"], name=[name]),
        "water_point": frame([], name=[]),
        "power_line": frame(
            [shapely.LineString([(left, top), (right, bottom)])],
            power=["line"],
            voltage_v=[110_000.0],
            name=[name],
        ),
        "substation": frame([middle.buffer(30)], power=["substation"], voltage_v=[NAN], name=[""]),
    }


def _gaps(city: City, cube: xr.Dataset, grid: Any, *, name: str, water: bool) -> Gaps:
    rows, columns = grid.shape
    inside = cube["inside_share"].to_numpy() > 0
    x, y = (a.reshape(rows, columns) for a in cell_centres(grid))
    u, v = (x - x.min()) / np.ptp(x), (y - y.min()) / np.ptp(y)
    variables: dict[str, xr.DataArray] = {}

    def put(key: str, values: Any, units: str, title: str) -> None:
        variables[key] = layer(
            values, grid=grid, units=units, long_name=title, source="hand-made", evidence="modelled"
        )

    fields = {
        "transport": u,
        "water": v,
        "energy": (u + v) / 2,
        "composite": (u + v) / 2,
        "flood": 1 - u,
    }
    for sector, field in fields.items():
        assessed = sector != "water" or water
        gap = np.where(inside & assessed, field, np.nan)
        evidence = np.where(inside & assessed, 1 - v * 0.9, np.nan)
        short = np.where(np.isnan(gap), np.nan, np.clip(0.5 + 2 * (gap - 0.4), 0, 1))
        put(f"{sector}_gap", gap, "share", f"{sector} gap")
        put(f"{sector}_gap_raw", np.minimum(1, gap * 1.1), "share", f"{sector} gap as mapped")
        put(f"{sector}_gap_lo", gap * 0.8, "share", f"{sector} gap, 5th percentile")
        put(f"{sector}_gap_hi", np.minimum(1, gap * 1.2), "share", f"{sector} gap, 95th percentile")
        put(f"{sector}_p_short", short, "share", f"{sector} probability of falling short")
        put(f"{sector}_evidence", evidence, "share", f"{sector} evidence")
        people = cube["population"].to_numpy()
        code = np.where(inside, reading_codes(short, gap, evidence, persons=people), 0)
        put(f"{sector}_reading", code.astype(np.uint8), "code", f"{sector} reading")
    put("mapped_share", np.where(inside, 0.7, np.nan), "share", "Share that the map shows")
    put("T1", np.where(inside, 1 - u, np.nan), "share", "People near public transport")
    put("T1_gap", np.where(inside, u, np.nan), "share", "People near public transport, gap")
    put("population", cube["population"].to_numpy(), "persons", "Residents")
    put("urban_class", np.where(inside, 30, 0).astype(np.uint8), "code", "Urban class")
    cells = xr.Dataset(variables, attrs={"crs": city.crs.to_wkt()})
    return Gaps(
        cells=cells,
        districts=_district_table(city, water=water),
        city=_city_table(water=water, people=float(np.nansum(cube["population"]))),
        indicators=_indicator_rows(water=water, name=name),
        assessed=(
            Indicator(id="T1", value=0.55, units="share", note="stop presence only"),
            Indicator(
                id="W1",
                value=0.4 if water else NAN,
                units="share",
                not_assessed=""
                if water
                else "no water point is mapped; a table of taps would help",
            ),
        ),
        survey_tasks=gpd.GeoDataFrame(
            {
                "task_id": ["s1"],
                "rank": [1],
                "population": [120.0],
                "people_open": [100.0],
                "evidence": [0.2],
                "priority": [96.0],
                "sector": ["water"],
                "look_for": ["water points, works, towers and sewers"],
                "district": [name],
            },
            geometry=[city.districts.geometry.iloc[0].centroid.buffer(250, quad_segs=1)],
            crs=city.crs,
        ),
        warnings=(f"population raster covers 92 % of {name}",),
    )


def _sector_values(i: int, level: str, *, assessed: bool, people: float) -> dict[str, Any]:
    gap = 0.2 + 0.17 * i if assessed else NAN
    short = (0.05, 0.35, 0.75, 0.95)[i] if assessed else NAN
    evidence = 0.9 - 0.2 * i if assessed else NAN
    code = int(reading_codes([short], [gap], [evidence])[0])
    shares = dict.fromkeys((k for k in READINGS if k != "nobody"), 0.0)
    shares[READINGS[code]] = 0.75
    shares["cannot_tell" if assessed else "not_assessed"] += 0.05
    shares["falls_short" if assessed else "not_assessed"] += 0.2
    counted = {f"people_{key}": share * people for key, share in shares.items()}
    return {
        "gap": gap,
        "gap_raw": min(1.0, gap * 1.1),
        "gap_lo": gap * 0.8,
        "gap_hi": min(1.0, gap * 1.3),
        "p_short": short,
        "evidence": evidence,
        "data": evidence_word(evidence, probability=short, code=code),
        "reading": reading_title(code, level),
        **counted,
        "people_short": counted["people_falls_short"] + counted["people_probably_falls_short"],
    }


def _district_table(city: City, *, water: bool) -> gpd.GeoDataFrame:
    frame = city.districts.copy()
    frame["population"] = [1000.4, 2000.0, 3000.0, 0.0][: len(frame)]
    frame["area_km2"] = frame.geometry.area / 1e6
    for sector in LEVELS:
        values = [
            _sector_values(i, sector, assessed=water or sector != "water", people=n)
            for i, n in enumerate(frame["population"])
        ]
        for key in values[0]:
            frame[f"{sector}_{key}"] = [v[key] for v in values]
    frame["worst_sector"] = "transport" if water else ""
    return frame


def _city_table(*, water: bool, people: float) -> pd.DataFrame:
    rows = {
        s: {
            **_sector_values(i % 4, s, assessed=water or s != "water", people=people),
            "gini": 0.3,
            "assessed_weight": 0.8 if water or s != "water" else 0.0,
        }
        for i, s in enumerate((*SECTORS, "composite", *THEMES))
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _indicator_rows(*, water: bool, name: str) -> pd.DataFrame:
    rows = []
    for unit in ("city", "d1", "d2"):
        for key, title, value, units in (
            ("T1", "People near public transport (SDG 11.2.1)", 0.553219, "share"),
            ("W1", "Water point within a 30-minute round trip", 0.4 if water else NAN, "share"),
            ("E5", "Distance to the medium-voltage grid", 1.23456789, "km"),
        ):
            known = not np.isnan(value)
            rows.append(
                {
                    "indicator": key,
                    "title": title,
                    "unit_id": unit,
                    "value": value,
                    "units": units,
                    "standard": 1.0,
                    "worst": 0.0,
                    "gap_raw": 1 - value if known and value < 1 else NAN,
                    "gap": 1 - value if known and value < 1 else NAN,
                    "gap_lo": NAN,
                    "gap_hi": NAN,
                    "p_short": 0.8 if known else NAN,
                    "data": "fair" if known else "",
                    "reading": "Probably falls short" if known else "Not assessed",
                    "evidence": "observed",
                    "n_features": 3 if known else 0,
                    "source": name,
                    "as_of": "2025-01-01",
                    "mark": "V",
                    "note": "stop presence only" if key == "T1" else "",
                }
            )
    return pd.DataFrame(rows)


def _score(grid: Any, inside: Any, *, empty: bool, name: str) -> Suitability:
    rows, columns = grid.shape
    ramp = np.tile(np.linspace(0, 1, columns), (rows, 1))
    excluded = (ramp < 0.3) | empty
    score = np.where(inside & ~excluded, ramp, np.nan)
    return Suitability(
        project="industrial_complex",
        title="Industrial complex",
        score=score,
        criteria=(
            Criterion(
                id="slope_pct",
                title="Slope",
                units="%",
                values=ramp * 20,
                utility=1 - ramp,
                weight_stated=0.6,
                weight_used=1.0,
                value_function="lin_dec [2, 15]",
                note=name,
            ),
        ),
        constraints=(
            Constraint(
                id="slope", title="Steep land", limit="slope at most 15 %", excluded=excluded
            ),
            Constraint(
                id="protected",
                title="Protected areas",
                limit="none",
                excluded=np.zeros_like(excluded),
                applied=False,
                note="no protected area is mapped",
            ),
        ),
        missing={"flood": "no elevation raster was given"},
        feasible=inside & ~excluded,
        parameters={"min_area_ha": 20.0},
        warnings=("one criterion is missing",),
    )


_SITE_COLUMNS = (
    "slope_pct",
    "hand_m",
    "road_km",
    "substation_km",
    "water_km",
    "population_45min",
    "top3_share",
    "compactness",
)


def _sites(city: City, *, count: int, name: str) -> gpd.GeoDataFrame:
    _, bottom, right, _ = city.boundary_metric.bounds
    boxes = [
        shapely.box(
            right - 900 - 600 * i, bottom + 900 * i, right - 400 - 600 * i, bottom + 900 * i + 700
        )
        for i in range(count)
    ]
    frame: dict[str, Any] = {
        "site_id": [f"s{i + 1:02d}" for i in range(count)],
        "rank": list(range(1, count + 1)),
        "score": [0.9123456 - 0.1 * i for i in range(count)],
        "mean_score": [0.85 - 0.1 * i for i in range(count)],
        "area_ha": [35.0] * count,
        "reasons": [f"near a main road; {name}"] * count,
        "concerns": ["far from water"] * count,
        **{c: [1.23456] * count for c in _SITE_COLUMNS},
        "district": [name] * count,
    }
    if count:
        frame["hand_m"] = [NAN] * count
    return gpd.GeoDataFrame(frame, geometry=boxes, crs=city.crs)


def make_result(
    *,
    name: str = "Hanbit",
    sites: int = 3,
    water: bool = False,
    cell_m: float = 100.0,
    infeasible: bool = False,
    synthetic: bool = True,
    folder: Any = None,
) -> Result:
    """Build a finished study in which `name` stands in every string that a user can reach."""
    city = _city((name, "Harbour", "North", "Hill"), name)
    grid = study_grid(city, cell_m=cell_m)
    cube = empty_cube(city, grid=grid)
    inside = cube["inside_share"].to_numpy() > 0
    rows, columns = grid.shape
    people = np.where(inside, np.arange(rows * columns).reshape(rows, columns) % 7 * 3.0, np.nan)

    def put(key: str, values: Any, units: str, title: str) -> None:
        cube[key] = layer(values, grid=grid, units=units, long_name=title, source=name)

    put("population", people, "persons", "Residents")
    put("landcover", np.where(inside, 50, 0).astype(np.uint8), "code", "Land cover")
    put("elevation", np.where(inside, 12.5, np.nan), "m", "Elevation")
    inventory = pd.DataFrame(
        {
            "layer": ["roads_drive", "health", "water_point"],
            "count": [18, 2, 0],
            "length_km": [72.0, 0.0, 0.0],
            "area_ha": [0.0, 4.0, 0.0],
            "key_attribute": ["surface", "name", "operator"],
            "key_attribute_share": [0.123456789, 0.5, NAN],
            "extract_date": ["2025-01-01"] * 3,
        }
    )
    data = CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers=_layers(city, name),
        inventory=inventory,
        shares=district_shares(city, grid=grid),
        provenance=(
            Provenance(
                id="osm",
                title="OpenStreetMap extract",
                path="city.osm.pbf",
                licence="ODbL-1.0",
                attribution="© OpenStreetMap contributors",
                as_of="2025-01-01",
            ),
            Provenance(id="population", title=f"People of {name}", path=name, note=name),
        ),
        warnings=("districts cover 99 %",),
        osm_date="2025-01-01",
        synthetic=synthetic,
    )
    study = Study.model_construct(
        study=StudySection.model_construct(
            name=name, project="industrial_complex", cell_m=cell_m, seed=7, horizon_year=None
        ),
        city=CitySection(name=name[:200]),
        sources=Sources(),
        official=Official(electricity_access=0.9),
        suitability=SuitabilitySection(),
        standards={},
        transport={},
        water={},
        energy={},
        folder=folder,
    )
    return Result(
        study=study,
        data=data,
        gaps=_gaps(city, cube, grid, name=name, water=water),
        score=_score(grid, inside, empty=infeasible, name=name),
        sites=_sites(city, count=0 if infeasible else sites, name=name),
        timings={"load": 1.0},
    )


@pytest.fixture(scope="session")
def result() -> Result:
    return make_result()


@pytest.fixture(scope="session")
def build() -> Any:
    """Factory, for tests that need other holes."""
    return make_result


@pytest.fixture(scope="session")
def coarse_saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A study with few cells and its folder, written once for all that only read or copy it."""
    study = make_result(cell_m=500.0)
    return study, save(study, tmp_path_factory.mktemp("coarse") / "out")


@pytest.fixture
def quick_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that take long hold a line each: for tests of what becomes of a folder."""

    def line(result: Result, path: Path) -> None:
        path.write_text(result.data.city.name, encoding="utf-8")

    def geopackage(result: Result, cells: Any, path: Path, *, columns: Any, merged: Any) -> None:
        line(result, path)

    def table(result: Result, path: Path, *, columns: Any) -> None:
        line(result, path)

    def project(result: Result, columns: Any, path: Path) -> None:
        line(result, path)

    def layers(result: Result, folder: Path) -> None:
        folder.mkdir()
        line(result, folder / "population.tif")

    monkeypatch.setattr("kcity_geo.outputs.maps.save_map", line)
    monkeypatch.setattr("kcity_geo.outputs.report.save_report", line)
    monkeypatch.setattr("kcity_geo.outputs.vectors.save_geopackage", geopackage)
    monkeypatch.setattr("kcity_geo.outputs.rasters.save_layers", layers)
    monkeypatch.setattr("kcity_geo.outputs.projects.save_study_project", project)
    monkeypatch.setattr("kcity_geo.outputs.study_tables.save_study_workbook", table)
