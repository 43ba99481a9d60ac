"""Sheets of a plan: what planning found, in the shape in which it is written down as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from kcity_geo.citydata import Provenance

__all__ = ["Chapter", "MapLayer", "MapSheet", "PlanSheets", "Table"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """
    A table for people.

    Parameters
    ----------
    title : of the table.
    frame : its columns carry names for people.
    units : column -> unit, where it has one.
    note : below the table.
    added : of a table of costs: title of a line (first column) -> share of all lines above those of its title, of the
        same phase where the table has phases.
    words : column -> what stands above it in another language.
    formulas : column -> key of `PlanSheets.formulas`, one a row.
    cell_units : column -> unit of each of its cells, where it is not one for all.
    """

    title: str
    frame: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    added: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cell_units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def heads(self) -> list[str]:
        """Give the name of each column with its unit."""
        return [
            f"{self.words.get(name, name)} ({self.units[name]})"
            if self.units.get(name)
            else str(self.words.get(name, name))
            for name in self.frame.columns
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class MapLayer:
    """
    What is drawn in one style.

    Parameters
    ----------
    style : row of ``tables/plan_styles.toml``.
    shapes : polygons or lines.
    """

    style: str
    shapes: gpd.GeoSeries

    @property
    def area_ha(self) -> float:
        """Hectares of the shapes together; they do not lie over each other."""
        return float(self.shapes.area.sum()) / 1e4


@dataclass(frozen=True, kw_only=True, eq=False)
class MapSheet:
    """
    A sheet of the map pack.

    Parameters
    ----------
    number : in the map pack; 0 without one.
    title, caption : for people.
    layers : from below to above.
    whole : whether all layers but the lowest are framed; else the uppermost, the site.
    """

    number: int
    title: str
    caption: str
    layers: tuple[MapLayer, ...]
    whole: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Chapter:
    """
    A chapter of the plan report.

    Parameters
    ----------
    title : of the chapter.
    filled : how far the plan fills what a study asks for here: full, partly, not.
    text : paragraphs.
    tables : keys of `PlanSheets.tables`.
    maps : places in `PlanSheets.maps`.
    bars : key of the table that is drawn as bars, or empty.
    """

    title: str
    filled: str
    text: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    maps: tuple[int, ...] = ()
    bars: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class PlanSheets:
    """
    Everything that is written down of a plan.

    Parameters
    ----------
    title, city : of the plan.
    crs : of the layers.
    as_of : date of the data, ISO, or empty.
    synthetic : the city does not exist.
    provenance : of the data.
    disclaimer : printed on every page and table.
    lead : the plan in sentences.
    chapters : of the report.
    tables : key -> table.
    maps : sheets.
    layers : name -> layer and what it is.
    texts : name of a further file -> its text.
    formulas : id -> how numbers are computed: ``words`` and the keys of their ``parameters``.
    parameters : rows with ``key, value, unit, origin, mark``.
    """

    title: str
    city: str
    crs: CRS
    as_of: str
    synthetic: bool
    provenance: tuple[Provenance, ...]
    disclaimer: str
    lead: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    tables: Mapping[str, Table]
    maps: tuple[MapSheet, ...]
    layers: Mapping[str, tuple[gpd.GeoDataFrame, str]]
    texts: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: tuple[Mapping[str, Any], ...] = ()
