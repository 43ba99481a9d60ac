"""
The whole story of a study: find the city, load, assess, score, rank, save.

This is the only file that knows all rooms of the house; each function here is one arrow of the
straight line and can be called on its own.
"""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from kcity_geo.city import City, make_city
from kcity_geo.citydata import CityData, Provenance
from kcity_geo.config import Config, read_table
from kcity_geo.cube import district_shares, empty_cube, layer, study_grid
from kcity_geo.errors import KCityWarning, SourceError, StudyError
from kcity_geo.result import Gaps, Result, Suitability
from kcity_geo.standards import load_standards
from kcity_geo.studyfile import Study, load_study, resolve_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import geopandas as gpd
    import pandas as pd
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

    from kcity_geo.analysis.network import StreetGraph

    Progress = Callable[[str], None]

__all__ = [
    "assess_gaps",
    "check",
    "find_city",
    "load",
    "rank_sites",
    "run",
    "save",
    "street_graphs",
    "suitability",
    "terrain",
]

_Found = TypeVar("_Found", Gaps, Suitability)

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

# Street graphs and terrain of a city are needed by three steps and cost seconds: made once for
# each CityData, which never changes, and forgotten with it.
_GRAPHS: WeakKeyDictionary[CityData, dict[str, StreetGraph]] = WeakKeyDictionary()
_TERRAIN: WeakKeyDictionary[CityData, dict[str, Any]] = WeakKeyDictionary()


class _Clock:
    """Stage names and seconds, in the order they happened."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self._progress:
            self._progress(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@contextmanager
def _noted(texts: list[str]) -> Iterator[None]:
    """Collect data-quality warnings for the report, and still warn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KCityWarning)
        yield
    for warning in caught:
        if issubclass(warning.category, KCityWarning):
            text = str(warning.message)
            if text not in texts:
                texts.append(text)
                warnings.warn(text, KCityWarning, stacklevel=4)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def find_city(place: str | Study, *, config: Config | None = None) -> City:
    """
    Find a city by name, or build it from what a study file says of its outline.

    Parameters
    ----------
    place : a name ("Kota Kinabalu, Malaysia"), looked up online (or in the offline gazetteer
        when `Config.offline`), or a `Study`.
    config : limits, cache, offline.

    Returns
    -------
    The city. For a study: its boundary file, else its OSM relation, else its box, else the header
    box of its OSM extract, else its name.

    Raises
    ------
    CityNotFoundError
        If no place, or more than one, answers to the name.
    StudyError, SourceError
        If the outline is not usable.
    """
    config = config or Config.from_env()
    if isinstance(place, str):
        from kcity_geo.sources.places import find_place

        return find_place(place, config=config)
    return _city_of(place, config)


def _city_of(study: Study, config: Config) -> City:
    if isinstance(study.place, City):
        return study.place
    wanted = study.city
    extract = None
    if study.sources.osm and study.sources.osm != "overpass":
        extract = resolve_path(study, study.sources.osm, key="sources.osm")
    outline = _outline(study, extract)
    if outline is None:
        if not wanted.name:
            raise StudyError(
                "city: no outline; give city.boundary, city.bbox, city.osm_relation or an OSM extract"
            )
        return find_city(wanted.name, config=config)
    name = wanted.name or study.study.name
    return make_city(name, outline, districts=_districts(study, extract), config=config)


def _districts(study: Study, extract: Path | None) -> gpd.GeoDataFrame | None:
    if study.city.districts:
        from kcity_geo.sources.files import read_polygons

        path = resolve_path(study, study.city.districts, key="city.districts")
        return read_polygons(path, key="city.districts")
    if study.city.osm_district_level is None:
        return None
    from kcity_geo.sources.relation import read_admin_areas

    if extract is None:
        raise StudyError("city.osm_district_level: needs sources.osm, an extract that holds them")
    return read_admin_areas(extract, study.city.osm_district_level)


def _outline(study: Study, extract: Path | None) -> BaseGeometry | None:
    """Boundary file, else relation, else box, else the extract's own box, else nothing."""
    import shapely

    wanted = study.city
    if wanted.boundary:
        from kcity_geo.sources.files import read_boundary

        return read_boundary(resolve_path(study, wanted.boundary, key="city.boundary"))
    if wanted.osm_relation is not None:
        from kcity_geo.sources.relation import read_relation

        if extract is None:
            raise StudyError("city.osm_relation: needs sources.osm, an extract that holds it")
        return read_relation(extract, wanted.osm_relation)
    if wanted.bbox is not None:
        west, south, east, north = wanted.bbox
        if not (west < east and south < north):
            raise StudyError(
                f"city.bbox: {list(wanted.bbox)} must be west, south, east, north in degrees"
            )
        return shapely.box(west, south, east, north)
    if extract is None:
        return None
    from kcity_geo.sources.pbf import read_header

    box, _ = read_header(extract)
    if box is None:
        raise StudyError(
            f"city.boundary: none is given and {extract.name} has no header box; give a boundary"
        )
    warnings.warn(
        "the study area is the box of the OSM extract, not a city boundary; land beyond the extract "
        "counts as unmapped",
        KCityWarning,
        stacklevel=4,
    )
    return box


def load(
    study: Study,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
    _clock: _Clock | None = None,
) -> CityData:
    """
    Read everything a study names and bring it onto one grid in one CRS.

    Parameters
    ----------
    study : checked study file.
    config : limits, cache, offline.
    progress : called with the name of each stage.

    Returns
    -------
    The data; what is left out of the study file is absent.

    Raises
    ------
    StudyError, SourceError, LimitError, SchemaError
        If an input is wrong; the message names file and key.
    """
    _expect(study, Study, "load(study)")
    config = config or Config.from_env()
    clock = _clock or _Clock(progress)
    notes: list[str] = []
    with _noted(notes):
        with clock.stage("boundary"):
            city = find_city(study, config=config)
            grid = study_grid(city, cell_m=study.study.cell_m, config=config)
            cube = empty_cube(city, grid=grid)
            shares = district_shares(city, grid=grid)
            _note_few_cells(cube, study)
        with clock.stage("rasters"):
            cube, dem, provenance, measured = _load_rasters(study, city, grid, cube, config)
            cube = _people_of_districts(study, city, grid, cube, shares)
            flood = _load_flood(study, city, config)
        with clock.stage("OpenStreetMap"):
            layers, osm_date, osm_provenance, unreadable = _load_osm(study, city, config)
            layers, own, unread = _with_power_lines(study, city, layers)
            unreadable = _joined(unreadable, unread)
        with clock.stage("official numbers and timetables"):
            official, transit, more = _load_tables(study, city)
            cube = _people_of_dwellings(cube, official, layers, city, grid)
            cube = _scale_population(cube, official, city)
            _compare_districts(cube, official, shares)
            cube = _urban(cube, grid)
        with clock.stage("inventory"):
            from kcity_geo.analysis.inventory import inventory

            table = inventory(layers, city, extract_date=osm_date)
    if "population" not in cube:
        notes.append(
            "no population was given: persons cannot be counted; give sources.population (GHS-POP, "
            "WorldPop or a census grid), or official.population where buildings are mapped"
        )
    synthetic = "synthetic" in city.name.lower()
    if synthetic:
        osm_provenance = tuple(_invented(about) for about in osm_provenance)
        for variable in cube.data_vars.values():
            variable.attrs["evidence"] = "synthetic"
    return CityData(
        city=city,
        grid=grid,
        cube=cube,
        layers=layers,
        inventory=table,
        shares=shares,
        dem=dem,
        flood=flood,
        transit=transit,
        official=official,
        provenance=(*osm_provenance, *own, *provenance, *more),
        warnings=tuple(notes),
        osm_date=osm_date,
        synthetic=synthetic,
        study=study,
        measured=measured,
        unreadable_tags=unreadable,
    )


def _invented(about: Provenance) -> Provenance:
    """Credit nobody for the map of a city that does not exist."""
    return replace(
        about,
        title=f"Synthetic map {about.path}, in the data model of OpenStreetMap",
        licence="CC0-1.0",
        attribution="Synthetic map, made by kcity_geo: no such place exists",
        url="",
    )


def _note_few_cells(cube: xr.Dataset, study: Study) -> None:
    count = int((cube["inside_share"] > 0).sum())
    if count < _FEW_CELLS:
        warnings.warn(
            f"study.cell_m: {study.study.cell_m:g} m gives only {count} cells; choose a smaller cell to "
            "see where the gaps are",
            KCityWarning,
            stacklevel=3,
        )


def _load_rasters(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, config: Config
) -> tuple[xr.Dataset, xr.DataArray | None, tuple[Provenance, ...], dict[str, Mapping[str, float]]]:
    from kcity_geo.sources.files import read_polygons
    from kcity_geo.sources.rasters import describe, persons_from_polygons, read_dem, read_raster

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


def _people_of_districts(
    study: Study, city: City, grid: GeoBox, cube: xr.Dataset, shares: pd.DataFrame
) -> xr.Dataset:
    """Spread a table of residents by district over its built-up land: a proxy."""
    value = study.sources.population
    if value is None or Path(value).suffix.lower() not in _TABLES:
        return cube
    from kcity_geo.analysis.dasymetric import people_from_districts
    from kcity_geo.sources.files import read_district_people

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
    from kcity_geo.analysis.grid_inference import merge_months
    from kcity_geo.analysis.sector import settings_of
    from kcity_geo.sources.rasters import read_raster

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


def _load_flood(study: Study, city: City, config: Config) -> xr.DataArray | None:
    from kcity_geo.sources.rasters import read_flood

    for key in ("flood", "flood_return_period"):
        value = getattr(study.sources, key)
        if value is not None:
            path = resolve_path(study, value, key=f"sources.{key}")
            return read_flood(path, key=key, city=city, config=config)
    return None


def _load_osm(
    study: Study, city: City, config: Config
) -> tuple[dict[str, gpd.GeoDataFrame], str, tuple[Provenance, ...], pd.DataFrame | None]:
    from kcity_geo.sources.pbf import empty_layers, read_osm
    from kcity_geo.sources.rasters import sha256_of

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
        from kcity_geo.sources.overpass import download_osm

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

    from kcity_geo.sources.ownlayers import append_own, read_own_layer
    from kcity_geo.sources.rasters import describe

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


def _more_protected(study: Study, city: City, known: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    import pandas as pd

    from kcity_geo.sources.files import read_polygons

    path = resolve_path(study, str(study.sources.protected), key="sources.protected")
    frame = read_polygons(path, key="sources.protected").to_crs(city.crs)
    extra = known.iloc[:0].reindex(range(len(frame))).set_geometry(frame.geometry.to_numpy())
    extra = extra.set_crs(city.crs, allow_override=True)
    extra["osm_type"], extra["osm_id"] = "file", -np.arange(1, len(frame) + 1)
    extra["name"] = frame["name"].fillna("").astype(str).to_numpy() if "name" in frame else ""
    extra["tags"] = [{} for _ in range(len(frame))]
    if known.empty:
        return extra
    joined: gpd.GeoDataFrame = pd.concat([known, extra], ignore_index=True)
    return joined


def _with_power_lines(
    study: Study, city: City, layers: dict[str, gpd.GeoDataFrame]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Provenance, ...], pd.DataFrame | None]:
    """
    Put the lines of the user's own file beside those of OSM; they count as mapped.

    A voltage that is there but cannot be read leaves the class of the line unknown.
    """
    import pandas as pd

    from kcity_geo.sources.files import read_power_lines
    from kcity_geo.sources.rasters import sha256_of

    if not study.sources.power_lines:
        return layers, (), None
    path = resolve_path(study, study.sources.power_lines, key="sources.power_lines")
    frame = read_power_lines(path).to_crs(city.crs)
    frame = frame[frame.intersects(city.boundary_metric.buffer(CONTEXT_M))]
    if frame.empty:
        raise SourceError(f"sources.power_lines: {path.name} does not overlap {city.name}")
    known = layers["power_line"]
    extra = known.iloc[:0].reindex(range(len(frame))).set_geometry(frame.geometry.to_numpy())
    extra = extra.set_crs(city.crs, allow_override=True)
    extra["osm_type"], extra["osm_id"] = "file", -np.arange(1, len(frame) + 1)
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


def _joined(one: pd.DataFrame | None, two: pd.DataFrame | None) -> pd.DataFrame | None:
    import pandas as pd

    frames = [f for f in (one, two) if f is not None and len(f)]
    return pd.concat(frames, ignore_index=True) if frames else None


def _load_tables(
    study: Study, city: City
) -> tuple[dict[str, Any], pd.DataFrame | None, tuple[Provenance, ...]]:
    official: dict[str, Any] = {
        k: v for k, v in study.official.model_dump().items() if v not in {None, ""}
    }
    more: list[Provenance] = []
    if study.official.table:
        from kcity_geo.sources.files import read_official_table
        from kcity_geo.sources.rasters import sha256_of

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
        from kcity_geo.sources.rasters import sha256_of
        from kcity_geo.sources.transit import read_gtfs

        path = resolve_path(study, study.sources.gtfs, key="sources.gtfs")
        transit = read_gtfs(path, crs=city.crs, area=_with_context(city))
        more.append(
            Provenance(id="gtfs", title=f"GTFS {path.name}", path=path.name, sha256=sha256_of(path))
        )
    return official, transit, tuple(more)


def _people_of_dwellings(
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
    from kcity_geo.analysis.dasymetric import people_from_dwellings

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


def _scale_population(cube: xr.Dataset, official: Mapping[str, Any], city: City) -> xr.Dataset:
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


def _compare_districts(cube: xr.Dataset, official: Mapping[str, Any], shares: pd.DataFrame) -> None:
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


def _urban(cube: xr.Dataset, grid: GeoBox) -> xr.Dataset:
    """Degree of urbanisation of each cell, from a raster of codes or from the population."""
    if "population" not in cube and "smod" not in cube:
        return cube
    from kcity_geo.analysis.settlement import urban_classes

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


def street_graphs(data: CityData) -> dict[str, StreetGraph]:
    """
    Walk, cycle and drive graphs of a city, made once.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Mode -> graph.
    """
    if data not in _GRAPHS:
        from kcity_geo.analysis.network import build_graphs

        parameters = data.study.transport if data.study else None
        _GRAPHS[data] = build_graphs(data, parameters=parameters)
    return _GRAPHS[data]


def terrain(data: CityData) -> dict[str, Any]:
    """
    Slope, height above drainage and their like for each cell, made once.

    Parameters
    ----------
    data : of the city.

    Returns
    -------
    Name -> array (rows, cols); empty without elevation.
    """
    if data not in _TERRAIN:
        from kcity_geo.analysis.terrain import cell_terrain

        parameters = data.study.water if data.study else None
        _TERRAIN[data] = (
            dict(cell_terrain(data, parameters=parameters)) if data.dem is not None else {}
        )
    return _TERRAIN[data]


def assess_gaps(
    data: CityData, *, progress: Progress | None = None, _clock: _Clock | None = None
) -> Gaps:
    """
    Assess transport, water and energy: gap, bounds, confidence and label for each cell.

    Parameters
    ----------
    data : of the city.
    progress : called with the name of each stage.

    Returns
    -------
    The gaps by cell, district and city.
    """
    _expect(data, CityData, "assess_gaps(data)")
    from kcity_geo.analysis import energy, transport, water
    from kcity_geo.analysis.completeness import assess_completeness
    from kcity_geo.analysis.gaps import assess_gaps as combine

    clock = _clock or _Clock(progress)
    study = data.study or Study()
    standards = load_standards(study.standards)
    notes: list[str] = []
    with _noted(notes):
        with clock.stage("street graphs"):
            graphs = street_graphs(data)
        with clock.stage("terrain"):
            relief = terrain(data)
        with clock.stage("transport"):
            found = list(
                transport.assess(data, graphs, standards=standards, parameters=study.transport)
            )
        with clock.stage("water"):
            found += water.assess(
                data, graphs, standards=standards, parameters=study.water, terrain=relief
            )
        with clock.stage("energy"):
            found += energy.assess(
                data, graphs, standards=standards, parameters=study.energy, terrain=relief
            )
        with clock.stage("gap model"):
            completeness = assess_completeness(data)
            gaps = combine(data, found, completeness, standards=standards, seed=study.study.seed)
    return _with_warnings(gaps, notes)


def _with_warnings(found: _Found, notes: list[str]) -> _Found:
    known: tuple[str, ...] = found.warnings
    # A warning names its project in front; the same words stand in the result already.
    new: list[str] = [text for text in notes if not any(text.endswith(own) for own in known)]
    return replace(found, warnings=tuple(dict.fromkeys((*known, *new))))


def suitability(
    data: CityData,
    gaps: Gaps | None = None,
    *,
    project: str | None = None,
    weights: Mapping[str, float] | None = None,
    constraints: Mapping[str, Any] | None = None,
) -> Suitability:
    """
    Score every cell for the project of the study.

    Parameters
    ----------
    data : of the city.
    gaps : of the same city; some criteria use them.
    project : another profile than the study's.
    weights, constraints : criterion -> weight and constraint -> limit, over those of the study file
        (as ``[suitability]`` in it); False switches a constraint off.

    Returns
    -------
    Score, criteria and constraints.

    Raises
    ------
    StudyError
        If the profile does not exist or no criterion has data.
    """
    from kcity_geo.analysis.suitability import suitability as score

    _expect(data, CityData, "suitability(data, gaps)")
    _expect(gaps, Gaps | None, "suitability(data, gaps)")
    study = data.study or Study()
    own = project is None or project == study.study.project
    notes: list[str] = []
    with _noted(notes):
        found = score(
            data,
            gaps,
            project=project or study.study.project,
            graphs=street_graphs(data),
            terrain=terrain(data),
            weights={**(study.suitability.weights if own else {}), **(weights or {})},
            constraints={**(study.suitability.constraints if own else {}), **(constraints or {})},
        )
    return _with_warnings(found, notes)


def _expect(value: object, kind: Any, call: str) -> None:  # noqa: ANN401 - a class or a union
    """Refuse arguments in the wrong order before they fail somewhere deep."""
    if not isinstance(value, kind):
        wanted = getattr(kind, "__name__", str(kind).replace("kcity_geo.result.", ""))
        raise StudyError(f"{call}: needs {wanted}, got {type(value).__name__}; mind the order")


def rank_sites(
    score: Suitability,
    data: CityData,
    *,
    threshold: float | None = None,
    max_sites: int | None = None,
) -> gpd.GeoDataFrame:
    """
    Delineate the best areas and rank them.

    Parameters
    ----------
    score : of `suitability`.
    data : of the city.
    threshold, max_sites : lowest score of a site and number of sites, instead of the study's.

    Returns
    -------
    Sites, best first, with their reasons; empty, with a warning, when none is large enough.
    """
    from kcity_geo.analysis.sites import rank_sites as rank

    _expect(score, Suitability, "rank_sites(score, data)")
    _expect(data, CityData, "rank_sites(score, data)")
    study = data.study or Study()
    own = study.suitability
    return rank(
        score,
        data,
        threshold=own.threshold if threshold is None else threshold,
        max_sites=own.max_sites if max_sites is None else max_sites,
        seed=study.study.seed,
        terrain=terrain(data),
        graphs=street_graphs(data),
    )


def save(result: Result, out: str | Path) -> Path:
    """
    Write the study folder: map, report, layers and tables.

    Parameters
    ----------
    result : a finished study.
    out : folder; an earlier study there is replaced only when the new one is whole.

    Returns
    -------
    The folder.

    Raises
    ------
    OutputError
        If the folder cannot be written or holds something else than a study.
    """
    from kcity_geo.outputs.folder import save as write

    _expect(result, Result, "save(result, out)")
    return write(result, Path(out))


def run(
    study: Study | str | Path,
    out: str | Path,
    *,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Result:
    """
    Run a whole study and save it.

    Parameters
    ----------
    study : study file or its path.
    out : folder for the results.
    config : limits, cache, offline.
    progress : called with the name of each stage.

    Returns
    -------
    What was found; `Result.timings` says where the time went.

    Raises
    ------
    KCityError
        If an input is wrong or the output cannot be written; nothing is overwritten then.
    """
    from kcity_geo.outputs.folder import check_out_dir

    study = study if isinstance(study, Study) else load_study(study)
    check_out_dir(Path(out))
    clock = _Clock(progress)
    data = load(study, config=config, _clock=clock)
    gaps = assess_gaps(data, _clock=clock)
    notes: list[str] = []
    with _noted(notes):
        with clock.stage("suitability"):
            score = suitability(data, gaps)
        with clock.stage("sites"):
            sites = rank_sites(score, data)
    score = _with_warnings(score, notes)
    result = Result(
        study=study, data=data, gaps=gaps, score=score, sites=sites, timings=dict(clock.seconds)
    )
    with clock.stage("files"):
        save(result, out)
    return replace(result, timings=dict(clock.seconds))


def check(study: Study, *, config: Config | None = None) -> list[dict[str, Any]]:
    """
    Read every input of a study and say what each will be used for and how complete it is.

    Parameters
    ----------
    study : checked study file.
    config : limits, cache, offline.

    Returns
    -------
    A row an input and a row an indicator: ``kind, name, status, detail``.

    Raises
    ------
    KCityError
        If an input is wrong.
    """
    from kcity_geo.sources.coverage import coverage

    data = load(study, config=config)
    complete = coverage(data, _input_paths(study))
    rows: list[dict[str, Any]] = [
        {
            "kind": "input",
            "name": key,
            "status": "ok" if given else "not given",
            "detail": f"{given or instead}; used for {_use_of(key)}; {complete[key]}",
        }
        for key, given, instead in _outlines(study)
    ]
    for about in data.provenance:
        numbers = data.measured.get(about.id, {})
        detail = [about.title, f"used for {_use_of(about.id)}"]
        if about.note:
            detail.append(about.note)
        if about.id in complete:
            detail.append(complete[about.id])
        if "valid_share" in numbers:
            detail.append(f"covers {numbers['valid_share']:.0%} of the city")
        if "total" in numbers:
            detail.append(f"total {numbers['total']:,.0f}")
        if about.licence == "unknown":
            detail.append("licence not stated")
        rows.append(
            {"kind": "input", "name": about.id, "status": "ok", "detail": "; ".join(detail)}
        )
    rows.extend(
        {
            "kind": "layer",
            "name": row["layer"],
            "status": "ok" if row["count"] else "nothing mapped",
            "detail": f"{row['count']:,} features",
        }
        for row in data.inventory.to_dict("records")
    )
    gaps = assess_gaps(data)
    rows.extend(
        {
            "kind": "indicator",
            "name": indicator.id,
            "status": "NOT ASSESSED" if indicator.not_assessed else "will be assessed",
            "detail": indicator.not_assessed or indicator.note or indicator.evidence,
        }
        for indicator in gaps.assessed
    )
    rows.extend(
        {"kind": "warning", "name": "", "status": "note", "detail": text}
        for text in dict.fromkeys((*data.warnings, *gaps.warnings))
    )
    return rows


def _outlines(study: Study) -> list[tuple[str, str, str]]:
    """Give what the study file says of boundary and districts, and what is taken when it is silent."""
    city = study.city
    relation = f"OSM relation {city.osm_relation}" if city.osm_relation is not None else ""
    box = f"box {list(city.bbox)}" if city.bbox is not None else ""
    if study.place is not None:
        instead = "the city that was given"
    else:
        extract = study.sources.osm not in {None, "overpass"}
        instead = "the box of the OSM extract" if extract else "the outline found by name"
    level = f"OSM level {city.osm_district_level}" if city.osm_district_level is not None else ""
    return [
        ("boundary", city.boundary or relation or box, instead),
        ("districts", city.districts or level, "no districts"),
    ]


def _input_paths(study: Study) -> dict[str, Path]:
    """Give the file of each input that has one, by the id of its provenance."""
    sources = study.sources
    named = {"osm": sources.osm, "protected": sources.protected, "power_lines": sources.power_lines}
    named |= {f"extra.{name}": value for name, value in sources.extra.items()}
    return {
        key: resolve_path(study, value, key=f"sources.{key}")
        for key, value in named.items()
        if value and value != "overpass"
    }


def _use_of(key: str) -> str:
    """Say what an input is used for."""
    uses = read_table("extra")
    if key in uses["use"]:
        return str(uses["use"][key])
    name = "power_line" if key == "power_lines" else key.removeprefix("extra.")
    for row in read_table("osm")["layer"]:
        if row["id"] == name:
            return f"{row['title']} ({row['used_by']})"
    return "the study"
