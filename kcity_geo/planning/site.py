"""Site of a plan: from an outline to the land that can be built on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.sites.contents import buildings_on, residents_on
from kcity_geo.analysis.terrain.sea import sea_polygons
from kcity_geo.citydata import CityData
from kcity_geo.cube import area_in_cells, cell_polygons, cell_size
from kcity_geo.errors import GridMismatchError, StudyError
from kcity_geo.notes import tell
from kcity_geo.planning.assumptions import counted
from kcity_geo.planning.land_budget import M2_PER_HA

__all__ = ["PlanSite", "plan_site"]

#: A site with less than this share inside the study area is outside of it.
_LEAST_INSIDE = 0.5
_WHOLE = 0.999
_DEGREES = 360.0
_SOMEBODY = 0.5
_LEAST_TOLD_HA, _LEAST_TOLD_OFF_HA = 0.005, 0.05
#: Smaller pieces of land hold no block of their own.
_PIECE_HA = 1.0
#: Water that is mapped as a line.
_WATERCOURSES = ("river", "stream", "canal")


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanSite:
    """
    The land of a plan.

    Parameters
    ----------
    outline : one polygon in the metric CRS of the city, inside its boundary.
    gross_ha : area of the outline.
    net_ha : of it, free of constraints and of mapped open water.
    cell_ha : buildable ha in each cell of the study grid, shape (rows, cols); adds to `net_ha`.
    free : the outline less mapped open water and the cells that constraints exclude.
    name : site id, or empty.
    persons_today : residents of the outline today; NaN: not known.
    buildings_today : mapped buildings on it.
    buildings_mapped : whether the map shows a building anywhere in the city.
    constrained : whether constraints were asked for.
    water_ha : open water that is mapped as areas, always taken off.
    watercourses_m : rivers, streams and canals on the remaining land that are mapped as lines only; as their
        width is not known, they are not taken off.
    words_ranked : what the ranking said of the outline, where it is a row of the sites.
    given : the polygon as the user gave it, of which the outline is what lies in the city, is open and is no other
        site; None where the study cut out the site itself.
    """

    outline: shapely.Polygon
    gross_ha: float
    net_ha: float
    cell_ha: NDArray[np.float64]
    free: BaseGeometry
    name: str = ""
    persons_today: float = math.nan
    buildings_today: int = 0
    buildings_mapped: bool = True
    constrained: bool = False
    water_ha: float = 0.0
    watercourses_m: float = 0.0
    words_ranked: tuple[str, ...] = ()
    given: BaseGeometry | None = None

    @property
    def cut(self) -> bool:
        """Whether the outline is less than the polygon as given."""
        return self.given is not None and self.outline.area < _WHOLE * self.given.area

    @property
    def words_taken_off(self) -> tuple[str, ...]:
        """Say what of the outline is taken off, and what is not."""
        off = self.gross_ha - self.net_ha
        told = ["constraints were not asked; of the outline only mapped open water is taken off"]
        if self.constrained:
            told = [
                f"{off:,.1f} ha of the outline are excluded by constraints and open water"
                if off >= _LEAST_TOLD_OFF_HA
                else "nothing of the outline is excluded by constraints or open water"
            ]
        if self.water_ha >= _LEAST_TOLD_HA:
            told.append(
                f"{self.water_ha:,.2f} ha of mapped open water lie on it and are not built on"
            )
            told += self._pieces()
        if self.watercourses_m >= 1:
            told.append(
                f"{self.watercourses_m:,.0f} m of rivers, streams or canals on it are mapped as lines without a width; "
                "their land is not taken off"
            )
        return tuple(told)

    def _pieces(self) -> list[str]:
        """Say that the land that is left lies in several pieces, where two or more could hold a block."""
        areas = sorted((part.area / M2_PER_HA for part in _polygons(self.free)), reverse=True)
        areas = [area for area in areas if area >= _PIECE_HA]
        if len(areas) <= 1:
            return []
        told = (
            f"the land that is left lies in {len(areas)} pieces ({', '.join(f'{a:,.1f}' for a in areas)} ha); a bridge "
            "between them is neither planned nor in the cost"
        )
        return [told]

    @property
    def words_today(self) -> str:
        """Say who lives there today, to three figures."""
        persons, number = self.persons_today, _figures(self.buildings_today)
        if math.isnan(persons):
            people = "how many people live on the site today is not known"
        elif _figures(persons) == 0:
            people = "nobody is counted on the site today"
        else:
            people = f"about {_figures(persons):,} people live on the site today"
        mapped = counted(number, "building") if number else "no building"
        told = f"{people}, {mapped} {'is' if number <= 1 else 'are'} mapped on it"
        if not self.buildings_mapped:  # unmapped is not empty
            told = f"{people}, no building is mapped in the whole city: nobody can tell what stands on it"
        if number or not persons < _SOMEBODY:
            told += "; where they would go and what that costs is no part of the plan"
        return told


def plan_site(
    site: Any,  # noqa: ANN401 - whatever the user gave
    data: CityData,
    *,
    excluded: NDArray[np.bool_] | None = None,
    block_min_ha: float = 1.0,
) -> PlanSite:
    """
    Check the outline of a site and take off what cannot be built on: constraints, and mapped open water always.

    Parameters
    ----------
    site : shapely polygon in the metric CRS of the city; or a row of the sites, a GeoSeries or
        GeoDataFrame with one polygon.
    data : of the city.
    excluded : cells that constraints exclude, shape (rows, cols); None: none.
    block_min_ha : smallest buildable land that is planned.

    Returns
    -------
    The site.

    Raises
    ------
    StudyError
        If it is not one valid polygon, lies outside the city or in another CRS, or is smaller than a
        block once constraints are taken off.
    GridMismatchError
        If `excluded` is not on the study grid.
    """
    shape, name = _one_shape(site, data)
    outline = _one_polygon(shape, data)
    inside = shapely.intersection(outline, data.city.boundary_metric)
    share = inside.area / outline.area
    if share < _LEAST_INSIDE:
        raise StudyError(
            f"site: {share:.0%} of it lie inside {data.city.name}; draw it inside the study area, in "
            f"{data.city.crs.name}"
        )
    if share < _WHOLE:
        tell(f"site: {1 - share:.1%} of it lie outside {data.city.name} and are left out")
        outline = _one_polygon(inside, data)
    if excluded is not None and np.shape(excluded) != tuple(data.grid.shape):
        raise GridMismatchError(
            f"site: constraints are {np.shape(excluded)}, the grid is {tuple(data.grid.shape)}"
        )
    alone = np.array([outline], dtype=object)
    cells = area_in_cells(alone, grid=data.grid) / M2_PER_HA
    gross = outline.area / M2_PER_HA
    water = _open_water(outline, data)
    dry = (
        cells - area_in_cells(_polygons(water), grid=data.grid) / M2_PER_HA if water.area else cells
    )
    free = np.maximum(dry if excluded is None else np.where(excluded, 0.0, dry), 0.0)
    # Land at the rim of the grid belongs to no cell; it counts like the rest.
    free = free * (gross / cells.sum() if cells.sum() > 0 else 0.0)
    net = float(free.sum())
    if gross < block_min_ha or net < block_min_ha:
        closed = ("constraints" if excluded is not None else "", "open water" if water.area else "")
        by = " and ".join(filter(None, closed))
        why = "it is" if gross < block_min_ha else f"of {gross:,.1f} ha, {by} leave"
        raise StudyError(
            f"site: {why} {min(gross, net):,.2f} ha; smaller than a block ({block_min_ha:g} ha, cells "
            f"of {cell_size(data.grid):g} m); there is nothing to plan"
        )
    shut = shapely.Polygon() if excluded is None else _cells(excluded & (cells > 0), data)
    return PlanSite(
        outline=outline,
        gross_ha=gross,
        net_ha=net,
        cell_ha=free,
        free=shapely.difference(outline, shapely.union(shut, water)),
        name=name,
        persons_today=float(residents_on(alone, data.array("population"), grid=data.grid)[0]),
        buildings_today=int(buildings_on(alone, _buildings_near(outline, data))[0]),
        buildings_mapped=bool(len(data.layers.get("building", ()))),
        constrained=excluded is not None,
        water_ha=water.area / M2_PER_HA,
        words_ranked=_words_ranked(site),
        given=_as_given(site, shape),
        watercourses_m=_watercourses_m(shapely.difference(outline, water), data),
    )


def _figures(number: float, figures: int = 3) -> int:
    """Round to three figures."""
    whole = round(number)
    return round(whole, min(figures - len(str(abs(whole))), 0))


def _as_given(site: Any, shape: BaseGeometry) -> BaseGeometry | None:  # noqa: ANN401 - whatever the user gave
    """Find the polygon as it was given: kept beside the sites, or the very one that is planned."""
    row = site.iloc[0] if isinstance(site, gpd.GeoDataFrame) and len(site) == 1 else site
    if isinstance(row, pd.Series) and not isinstance(row, gpd.GeoSeries) and "candidate" in row:
        found = getattr(site, "attrs", {}).get("given", {}).get(row["candidate"])
        return found if isinstance(found, BaseGeometry) else None
    return shape


def _words_ranked(site: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever the user gave
    """Say of a row of the sites what it is of the polygon as given, whether it fits, and its concerns."""
    if isinstance(site, gpd.GeoDataFrame):
        site = site.iloc[0]
    if isinstance(site, gpd.GeoSeries) or not isinstance(site, pd.Series):
        return ()
    told = []
    share, area = (float(site.get(name, math.nan)) for name in ("site_share", "area_ha"))
    if site.get("open_share", math.nan) >= 0 and 0 < share < _WHOLE:
        told.append(
            f"the outline is the largest open part of the polygon as given, {area:,.1f} of {area / share:,.1f} ha; "
            f"the other {area / share - area:,.1f} ha are closed, lie apart or are held by another site"
        )
    if not site.get("fits", True):
        told.append("it does not fit what the project asks of a site")
    if str(site.get("concerns", "") or ""):
        told.append(f"the ranking of sites says against it: {site['concerns']}")
    return tuple(told)


def _near(layer: str, outline: BaseGeometry, data: CityData) -> gpd.GeoDataFrame | None:
    frame = data.layers.get(layer)
    if frame is None or not len(frame):
        return None
    return frame.iloc[np.sort(frame.sindex.query(outline, predicate="intersects"))]


def _buildings_near(outline: shapely.Polygon, data: CityData) -> NDArray[np.object_]:
    near = _near("building", outline, data)
    return np.asarray([] if near is None else near.geometry.to_numpy(), dtype=object)


def _polygons(shape: BaseGeometry) -> NDArray[np.object_]:
    parts = shapely.get_parts(shapely.get_parts(np.array([shape], dtype=object)))
    return np.asarray(parts[shapely.area(parts) > 0], dtype=object)


def _open_water(outline: shapely.Polygon, data: CityData) -> BaseGeometry:
    """Lakes, rivers as areas and the sea inside an outline; a marsh is land."""
    found: list[BaseGeometry] = []
    areas = _near("water_body", outline, data)
    if areas is not None:
        wet = areas["natural"] != "wetland" if "natural" in areas else np.ones(len(areas), bool)
        found += shapely.make_valid(areas.geometry.to_numpy()[np.asarray(wet, dtype=bool)]).tolist()
    coast = data.layers.get("coastline")
    if coast is not None and len(coast):
        box = data.grid.boundingbox
        lines = np.asarray(coast.geometry.to_numpy(), dtype=object)
        found += sea_polygons(lines, box=(box.left, box.bottom, box.right, box.top))
    inside = shapely.intersection(np.array(found, dtype=object), outline)
    parts = [part for shape in inside for part in _polygons(shape)]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def _watercourses_m(dry: BaseGeometry, data: CityData) -> float:
    """Length of open watercourses on land that no area of water covers."""
    lines = _near("drainage", dry, data)
    if lines is None or "waterway" not in lines:
        return 0.0
    keep = lines["waterway"].isin(_WATERCOURSES)
    if "tunnel" in lines:
        keep &= ~lines["tunnel"].isin(["yes", "culvert"])
    here = shapely.intersection(lines.geometry.to_numpy()[keep.to_numpy(dtype=bool)], dry)
    return float(shapely.length(here).sum())


def _cells(which: NDArray[np.bool_], data: CityData) -> BaseGeometry:
    return shapely.union_all(cell_polygons(data.grid, np.flatnonzero(which)))


def _one_shape(site: Any, data: CityData) -> tuple[BaseGeometry, str]:  # noqa: ANN401 - whatever the user gave
    if isinstance(site, BaseGeometry):
        return site, ""
    crs = getattr(site, "crs", None)
    if crs is None and isinstance(site, gpd.GeoSeries | gpd.GeoDataFrame):
        raise StudyError(
            f"site: has no CRS; use site.set_crs(…), the study is in {data.city.crs.name}"
        )
    if crs is not None and crs != data.city.crs:
        raise StudyError(
            f"site: is in {crs.name}, the study in {data.city.crs.name}; use site.to_crs(data.city.crs)"
        )
    geometry = getattr(site, "geometry", None)
    if geometry is None:
        raise StudyError(
            f"site: {type(site).__name__} is no polygon, row, GeoSeries or GeoDataFrame"
        )
    if isinstance(geometry, BaseGeometry):
        return geometry, str(site.get("site_id", "")) if hasattr(site, "get") else ""
    if len(geometry) != 1:
        raise StudyError(
            f"site: there are {len(geometry)} rows; give one, for example sites.iloc[[0]]"
        )
    ids = site["site_id"] if "site_id" in getattr(site, "columns", ()) else [""]
    return geometry.iloc[0], str(next(iter(ids)))


def _one_polygon(shape: BaseGeometry | None, data: CityData) -> shapely.Polygon:
    if shape is None or shape.is_empty:
        raise StudyError("site: the outline is empty")
    if not np.isfinite(shape.bounds).all():
        raise StudyError("site: the outline has coordinates that are not numbers")
    if not shape.is_valid:
        raise StudyError(
            f"site: the outline is not valid: {shapely.is_valid_reason(shape)}; mend it"
        )
    if not isinstance(shape, shapely.Polygon | shapely.MultiPolygon | shapely.GeometryCollection):
        raise StudyError(f"site: the outline is a {shape.geom_type}, not a polygon")
    parts = [p for p in shapely.get_parts(shape) if isinstance(p, shapely.Polygon) and p.area > 0]
    if len(parts) != 1:
        told = ", ".join(f"{part.area / M2_PER_HA:,.1f}" for part in parts) or "no"
        raise StudyError(
            f"site: the outline has {len(parts)} parts ({told} ha); plan one at a time"
        )
    if np.abs(parts[0].bounds).max() <= _DEGREES and not shapely.intersects(
        parts[0], data.city.boundary_metric
    ):
        raise StudyError(
            f"site: coordinates {tuple(round(float(b), 3) for b in parts[0].bounds)} look like degrees; the study is "
            f"in {data.city.crs.name}: project the outline first"
        )
    return parts[0]
