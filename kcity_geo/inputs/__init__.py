"""
Inputs of a study: each file that it names, read, checked against the others and brought onto the grid.

One function an input, in the order in which `kcity_geo.study.load` calls them. What they cannot
place they refuse in one line that names the key; what they had to guess they warn of.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kcity_geo.citydata import Provenance
from kcity_geo.config import read_table
from kcity_geo.cube import layer
from kcity_geo.errors import KCityWarning, SourceError, StudyError
from kcity_geo.studyfile import resolve_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import pandas as pd
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from kcity_geo.city import City
    from kcity_geo.config import Config
    from kcity_geo.studyfile import Study

__all__ = [
    "compare_districts",
    "degree_of_urbanisation",
    "invented",
    "joined",
    "load_flood",
    "load_osm",
    "load_rasters",
    "load_tables",
    "note_few_cells",
    "people_of_districts",
    "people_of_dwellings",
    "scale_population",
    "with_power_lines",
]

#: How far beyond the boundary streets and facilities are read, so that the edge is served too.
CONTEXT_M = 2000.0

# A raster that differs more than this share from the official count is worth a note.
_POPULATION_TOLERANCE = 0.1
# One that differs by more than this factor counts something else, or another place.
_POPULATION_FACTOR = 10.0
# A grid with fewer cells than this says little about where.
_FEW_CELLS = 100
_TABLES = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".xls"})
# Of a single district; its outline and the pixels of the grid seldom fit better.
_DISTRICT_TOLERANCE = 0.2
# Months of night lights that together see less of the city are told.
_COVERED = 0.95
# A hamlet that differs by fewer people than this share of all is not worth a note.
_DISTRICT_LEAST = 0.005


def invented(about: Provenance) -> Provenance:
    """Credit nobody for the map of a city that does not exist."""
    return replace(
        about,
        title=f"Synthetic map {about.path}, in the data model of OpenStreetMap",
        licence="CC0-1.0",
        attribution="Synthetic map, made by kcity_geo: no such place exists",
        url="",
    )


def note_few_cells(cube: xr.Dataset, study: Study) -> None:
    """Warn when the grid has so few cells that it says little about where."""
    count = int((cube["inside_share"] > 0).sum())
    if count < _FEW_CELLS:
        warnings.warn(
            f"study.cell_m: {study.study.cell_m:g} m gives only {count} cells; choose a smaller cell to "
            "see where the gaps are",
            KCityWarning,
            stacklevel=3,
        )


def load_rasters(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, config: Config
) -> tuple[xr.Dataset, xr.DataArray | None, tuple[Provenance, ...], dict[str, Mapping[str, float]]]:
    """Bring every raster of the study onto the grid; also give elevation on its own finer grid."""
    from kcity_geo.sources.local.files import read_polygons
    from kcity_geo.sources.local.rasters import (
        describe,
        persons_from_polygons,
        read_dem,
        read_raster,
    )

    dem = None
    provenance: list[Provenance] = []
    measured: dict[str, Mapping[str, float]] = {}
    for key, rule in read_table("rasters")["raster"].items():
        value = getattr(study.sources, key)
        if value is None:
            continue
        path = resolve_path(study, value, key=f"sources.{key}")
        about = describe(path, key=key)
        if path.suffix.lower() in _TABLES:
            if key != "population":
                raise SourceError(
                    f"sources.{key}: {path.name} is a table, and a table does not say where in a "
                    f"district its numbers belong; {read_table('extra')['instead']['raster']}"
                )
            provenance.append(about)
            continue
        if key == "nightlights" and path.is_dir():
            variable, numbers = _merged_months(study, path, city, cube, grid, config)
        elif key == "population" and path.suffix.lower() in {
            ".gpkg",
            ".geojson",
            ".shp",
            ".fgb",
            ".parquet",
        }:
            frame = read_polygons(path, key="sources.population")
            values, numbers = persons_from_polygons(frame, city=city, grid=grid)
            variable = layer(
                values,
                grid=grid,
                units="persons",
                long_name="Residents",
                source=about.title,
                licence=about.licence,
                as_of=about.as_of,
                evidence="user",
            )
        else:
            variable, numbers = read_raster(path, key=key, city=city, grid=grid, config=config)
        cube = cube.assign({rule["variable"]: variable})
        measured[key] = numbers
        provenance.append(about)
        if key == "elevation":
            dem = read_dem(path, city=city, config=config)
    return cube, dem, tuple(provenance), measured


def people_of_districts(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, shares: pd.DataFrame
) -> xr.Dataset:
    """Spread a table of residents by district over its built-up land: a proxy."""
    value = study.sources.population
    if value is None or Path(value).suffix.lower() not in _TABLES:
        return cube
    from kcity_geo.analysis.settlement.dasymetric import people_from_districts
    from kcity_geo.sources.local.files import read_district_people

    path = resolve_path(study, value, key="sources.population")
    persons = read_district_people(path, districts=city.districts)
    land = cube["inside_share"].to_numpy().astype(float)
    built = cube["built_m2"].to_numpy() if "built_m2" in cube else land
    follows = (
        "built-up land"
        if "built_m2" in cube
        else "area (give sources.built to follow built-up land)"
    )
    warnings.warn(
        f"sources.population: {path.name} says how many live in a district, not where: they were spread "
        f"by {follows}",
        KCityWarning,
        stacklevel=3,
    )
    people = people_from_districts(persons, shares, weight=built, land=land)
    return cube.assign(
        population=layer(
            people,
            grid=grid,
            units="persons",
            long_name="Residents",
            source=f"{path.name}, spread by {follows.partition(' (')[0]}",
            evidence="proxy",
        )
    )


def _merged_months(
    study: Study, folder: Path, city: City, cube: xr.Dataset, grid: GeoBox, config: Config
) -> tuple[xr.DataArray, Mapping[str, float]]:
    """Merge a folder of monthly night lights: a quantile drops fires and keeps what is lit."""
    from kcity_geo.analysis.energy.inferred_grid import merge_months
    from kcity_geo.settings import settings_of
    from kcity_geo.sources.local.rasters import read_raster

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".tif", ".tiff"})
    if not files:
        raise SourceError(f"sources.nightlights: {folder.name} holds no GeoTIFF of a month")
    with warnings.catch_warnings():
        # A month under clouds covers little; what counts is what all of them cover.
        warnings.simplefilter("ignore", KCityWarning)
        found = [
            read_raster(p, key="nightlights", city=city, grid=grid, config=config) for p in files
        ]
    quantile = float(settings_of("energy", study.energy)["monthly_quantile"])
    first = found[0][0]
    merged = first.copy(
        data=merge_months([v.to_numpy() for v, _ in found], quantile=quantile).astype(first.dtype)
    )
    inside = cube["inside_share"].to_numpy()
    share = float(inside[np.isfinite(merged.to_numpy())].sum() / inside.sum())
    if share < _COVERED:
        warnings.warn(
            f"sources.nightlights: the {len(files)} months of {folder.name} cover {share:.0%} of "
            f"{city.name}; add months without clouds",
            KCityWarning,
            stacklevel=3,
        )
    merged.attrs["source"] = f"{len(files)} months of {folder.name}, quantile {quantile:g}"
    return merged, {"valid_share": share, "months": float(len(files))}


def load_flood(study: Study, city: City, config: Config) -> xr.DataArray | None:
    """Read the flood map on its own fine pixels, by depth or by return period."""
    from kcity_geo.sources.local.rasters import read_flood

    for key in ("flood", "flood_return_period"):
        value = getattr(study.sources, key)
        if value is not None:
            path = resolve_path(study, value, key=f"sources.{key}")
            return read_flood(path, key=key, city=city, config=config)
    return None


def load_osm(
    study: Study, city: City, config: Config
) -> tuple[dict[str, gpd.GeoDataFrame], str, tuple[Provenance, ...], pd.DataFrame | None]:
    """Read the OSM layers of the city and what lies around it, with the user's own features beside them."""
    from kcity_geo.sources.local.rasters import sha256_of
    from kcity_geo.sources.osm.pbf import empty_layers, read_osm

    area = _with_context(city)
    if study.sources.osm is None:
        warnings.warn(
            "no OpenStreetMap extract was given: streets, facilities and networks are not assessed; "
            "give sources.osm",
            KCityWarning,
            stacklevel=3,
        )
        layers, own, unreadable = _with_own_layers(study, city, empty_layers(city.crs))
        return layers, "", own, unreadable if len(unreadable) else None
    if study.sources.osm == "overpass":
        from kcity_geo.sources.products.overpass import download_osm

        path = download_osm(area, config=config)
    else:
        path = resolve_path(study, study.sources.osm, key="sources.osm")
    extract = read_osm(path, area=area, crs=city.crs, config=config)
    for text in extract.warnings:
        warnings.warn(text, KCityWarning, stacklevel=3)
    layers, own, own_unreadable = _with_own_layers(study, city, dict(extract.layers))
    about = Provenance(
        id="osm",
        title=f"OpenStreetMap extract {path.name}",
        path=path.name,
        sha256=sha256_of(path),
        licence="ODbL-1.0",
        attribution="© OpenStreetMap contributors",
        as_of=extract.date,
        url="https://www.openstreetmap.org/copyright",
    )
    unreadable = extract.unreadable_tags
    if len(unreadable):
        examples = ", ".join(
            f"{key}={value}"
            for key, value in unreadable[["key", "value"]].drop_duplicates().head(3).to_numpy()
        )
        warnings.warn(
            f"{len(unreadable):,} tags of the OSM extract hold no readable number ({examples}, …) and "
            "count as not given; the list is in unreadable_tags.csv",
            KCityWarning,
            stacklevel=3,
        )
    if len(own_unreadable):
        import pandas as pd

        unreadable = pd.concat([unreadable, own_unreadable], ignore_index=True)
    return layers, extract.date, (about, *own), unreadable


def _with_own_layers(
    study: Study, city: City, layers: dict[str, gpd.GeoDataFrame]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Provenance, ...], pd.DataFrame]:
    """Add the user's own features to the layers of the map, with or without a map."""
    import pandas as pd

    from kcity_geo.sources.local.ownlayers import append_own, read_own_layer
    from kcity_geo.sources.local.rasters import describe

    wanted = {f"sources.extra.{name}": (name, value) for name, value in study.sources.extra.items()}
    area: Any = _with_context(city) if wanted else None
    provenance, unreadable = [], [pd.DataFrame()]
    if study.sources.protected:
        layers["protected"] = _more_protected(study, city, layers["protected"])
        path = resolve_path(study, study.sources.protected, key="sources.protected")
        provenance.append(describe(path, key="protected"))
    for key, (name, value) in wanted.items():
        path = resolve_path(study, value, key=key)
        own, bad = read_own_layer(path, name, key=key, area=area, crs=city.crs)
        layers[name] = append_own(layers[name], own, layer=name, key=key)
        unreadable.append(bad)
        note = f"{len(own):,} features from your own file, beside OpenStreetMap"
        provenance.append(replace(describe(path, key=key.removeprefix("sources.")), note=note))
    return layers, tuple(provenance), pd.concat(unreadable, ignore_index=True)


def _with_context(city: City) -> Any:  # noqa: ANN401 - shapely geometry
    """City boundary and `CONTEXT_M` around it, lon/lat."""
    import shapely
    from pyproj import Transformer

    wider = city.boundary_metric.buffer(CONTEXT_M)
    back = Transformer.from_crs(city.crs, 4326, always_xy=True)
    return shapely.make_valid(
        shapely.transform(wider, lambda xy: np.column_stack(back.transform(xy[:, 0], xy[:, 1])))
    )


def _own_rows(known: gpd.GeoDataFrame, frame: gpd.GeoDataFrame, city: City) -> gpd.GeoDataFrame:
    """Give features of a file the schema of a layer; their ids are negative."""
    extra = known.iloc[:0].reindex(range(len(frame))).set_geometry(frame.geometry.to_numpy())
    extra = extra.set_crs(city.crs, allow_override=True)
    extra["osm_type"], extra["osm_id"] = "file", -np.arange(1, len(frame) + 1)
    return extra


def _more_protected(study: Study, city: City, known: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    import pandas as pd

    from kcity_geo.sources.local.files import read_polygons

    path = resolve_path(study, str(study.sources.protected), key="sources.protected")
    frame = read_polygons(path, key="sources.protected").to_crs(city.crs)
    extra = _own_rows(known, frame, city)
    extra["name"] = frame["name"].fillna("").astype(str).to_numpy() if "name" in frame else ""
    extra["tags"] = [{} for _ in range(len(frame))]
    if known.empty:
        return extra
    joined: gpd.GeoDataFrame = pd.concat([known, extra], ignore_index=True)
    return joined


def with_power_lines(
    study: Study, city: City, layers: dict[str, gpd.GeoDataFrame]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Provenance, ...], pd.DataFrame | None]:
    """
    Put the lines of the user's own file beside those of OSM; they count as mapped.

    A voltage that is there but cannot be read leaves the class of the line unknown.
    """
    import pandas as pd

    from kcity_geo.sources.local.files import read_power_lines
    from kcity_geo.sources.local.rasters import sha256_of

    if not study.sources.power_lines:
        return layers, (), None
    path = resolve_path(study, study.sources.power_lines, key="sources.power_lines")
    frame = read_power_lines(path).to_crs(city.crs)
    frame = frame[frame.intersects(city.boundary_metric.buffer(CONTEXT_M))]
    if frame.empty:
        raise SourceError(f"sources.power_lines: {path.name} does not overlap {city.name}")
    known = layers["power_line"]
    extra = _own_rows(known, frame, city)
    unread = (frame["voltage"].str.strip() != "").to_numpy() & frame["voltage_v"].isna().to_numpy()
    extra["kind"] = extra["power"] = np.where(unread, "", "line")
    for column in ("name", "voltage_v"):
        extra[column] = frame[column].to_numpy()
    extra["tags"] = [{"voltage": v} if v else {} for v in frame["voltage"]]
    joined = extra if known.empty else pd.concat([known, extra], ignore_index=True)
    about = Provenance(
        id="power_lines",
        title=f"Power lines of {path.name}",
        path=path.name,
        sha256=sha256_of(path),
        licence="unknown",
        attribution="",
        as_of="",
    )
    bad = pd.DataFrame(
        {
            "layer": "power_line",
            "osm_type": "file",
            "osm_id": extra["osm_id"].to_numpy()[unread],
            "key": "voltage",
            "value": frame["voltage"].to_numpy()[unread],
        }
    )
    if len(bad):
        warnings.warn(
            f"sources.power_lines: {len(bad)} of {len(frame)} lines of {path.name} have a voltage that "
            f"holds no number ({bad['value'].iloc[0]!r}); they count to no class; give volts, or text "
            "like 33 kV",
            KCityWarning,
            stacklevel=3,
        )
    return {**layers, "power_line": joined}, (about,), bad if len(bad) else None


def joined(one: pd.DataFrame | None, two: pd.DataFrame | None) -> pd.DataFrame | None:
    """Put two lists of unreadable tags together, either of which may be missing."""
    import pandas as pd

    frames = [f for f in (one, two) if f is not None and len(f)]
    return pd.concat(frames, ignore_index=True) if frames else None


def load_tables(
    study: Study, city: City
) -> tuple[dict[str, Any], pd.DataFrame | None, tuple[Provenance, ...]]:
    """Read the official numbers, their table by district and the timetable."""
    official: dict[str, Any] = {
        k: v for k, v in study.official.model_dump().items() if v not in {None, ""}
    }
    more: list[Provenance] = []
    if study.official.table:
        from kcity_geo.sources.local.files import read_official_table
        from kcity_geo.sources.local.rasters import sha256_of

        path = resolve_path(study, study.official.table, key="official.table")
        official["table"] = read_official_table(path, districts=city.districts)
        more.append(
            Provenance(
                id="official",
                title=study.official.source or path.name,
                path=path.name,
                sha256=sha256_of(path),
                as_of=str(study.official.year or ""),
            )
        )
    elif official:
        more.append(
            Provenance(
                id="official",
                title=study.official.source or "official numbers in the study file",
                as_of=str(study.official.year or ""),
            )
        )
    transit = None
    if study.sources.gtfs:
        from kcity_geo.sources.local.rasters import sha256_of
        from kcity_geo.sources.local.transit import read_gtfs

        path = resolve_path(study, study.sources.gtfs, key="sources.gtfs")
        transit = read_gtfs(path, crs=city.crs, area=_with_context(city))
        more.append(
            Provenance(id="gtfs", title=f"GTFS {path.name}", path=path.name, sha256=sha256_of(path))
        )
    return official, transit, tuple(more)


def people_of_dwellings(
    cube: xr.Dataset,
    official: Mapping[str, Any],
    layers: Mapping[str, gpd.GeoDataFrame],
    city: City,
    grid: GeoBox,
) -> xr.Dataset:
    """Without a population grid, spread the official number over mapped dwellings: a proxy."""
    total = official.get("population")
    if "population" in cube or total is None:
        return cube
    from kcity_geo.analysis.settlement.dasymetric import people_from_dwellings

    people = people_from_dwellings(layers["building"], total_persons=total, city=city, grid=grid)
    if people is None:
        return cube
    warnings.warn(
        f"no population grid was given: {total:,.0f} residents were spread over the mapped dwellings "
        "by floor area, which leaves out people in buildings that nobody mapped; give "
        "sources.population",
        KCityWarning,
        stacklevel=3,
    )
    return cube.assign(
        population=layer(
            people,
            grid=grid,
            units="persons",
            long_name="Residents",
            source="official number, spread over OpenStreetMap buildings",
            licence="ODbL-1.0",
            evidence="proxy",
        )
    )


def scale_population(cube: xr.Dataset, official: Mapping[str, Any], city: City) -> xr.Dataset:
    """Scale the raster to the official count, when there is one."""
    target = official.get("population")
    if target is None or "population" not in cube:
        return cube
    population = cube["population"]
    total = float(population.sum())
    if total <= 0:
        raise SourceError(
            f"sources.population: nobody lives in {city.name} by the raster, but official.population "
            f"is {target:,.0f}"
        )
    factor = target / total
    if not 1 / _POPULATION_FACTOR <= factor <= _POPULATION_FACTOR:
        raise StudyError(
            f"official.population: {target:,.0f}, but the population raster holds {total:,.0f} persons "
            f"inside {city.name}; one of the two counts something else, mend it"
        )
    if abs(factor - 1) > _POPULATION_TOLERANCE:
        warnings.warn(
            f"the population raster holds {total:,.0f} persons, the official number is {target:,.0f}; "
            f"the raster was scaled by {factor:.2f}",
            KCityWarning,
            stacklevel=3,
        )
    scaled = population * factor
    scaled.attrs = {**population.attrs, "scaled_by": factor}
    return cube.assign(population=scaled)


def compare_districts(cube: xr.Dataset, official: Mapping[str, Any], shares: pd.DataFrame) -> None:
    """Tell where the people of the table by district and of the raster are far apart."""
    table = official.get("table")
    if table is None or "population" not in table or "population" not in cube:
        return
    people = np.nan_to_num(cube["population"].to_numpy()).ravel()
    found = (shares["share"] * people[shares["cell"]]).groupby(shares["district_id"]).sum()
    stated = table["population"].dropna()
    raster = found.reindex(stated.index).fillna(0.0)
    off = (raster - stated).abs()
    apart = off / np.maximum(raster, stated).where(lambda v: v > 0, 1.0)
    many = off > _DISTRICT_LEAST * stated.sum()
    far = apart[(apart > _DISTRICT_TOLERANCE) & many].sort_values(ascending=False, kind="stable")
    if len(far):
        some = ", ".join(
            f"{key} {stated[key]:,.0f} against {raster[key]:,.0f}" for key in far.index[:3]
        )
        warnings.warn(
            f"official.table and the population grid are far apart in {len(far)} of {len(stated)} "
            f"districts ({some}); the grid is used: check year and outlines, or set official.population",
            KCityWarning,
            stacklevel=3,
        )


def degree_of_urbanisation(cube: xr.Dataset, grid: GeoBox) -> xr.Dataset:
    """Degree of urbanisation of each cell, from a raster of codes or from the population."""
    if "population" not in cube and "smod" not in cube:
        return cube
    from kcity_geo.analysis.settlement.classes import urban_classes

    box = grid.boundingbox
    smod = cube["smod"].to_numpy() if "smod" in cube else None
    people = cube["population"].to_numpy() if "population" in cube else np.full(grid.shape, np.nan)
    classes = urban_classes(
        people, cell_m=abs(grid.resolution.x), origin=(box.left, box.top), smod=smod, open_edge=True
    )
    return cube.assign(
        urban_class=layer(
            classes,
            grid=grid,
            units="class: 1 rural, 2 urban cluster, 3 urban centre",
            long_name="Degree of urbanisation",
            source="GHS-SMOD" if smod is not None else "derived from the population",
            evidence="observed" if smod is not None else "modelled",
        )
    )
