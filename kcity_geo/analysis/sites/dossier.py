"""
Dossier: what a pre-feasibility chapter needs to know of each site.

Land, earthworks, flood, connections, people in reach, protected areas, criteria, how far the data carry,
red flags, and the lines that somebody must fill in because no open data hold them.
"""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.connections.connect import CONNECTION_COLUMNS, connect
from kcity_geo.analysis.connections.targets import connection_kinds
from kcity_geo.analysis.network import reach
from kcity_geo.analysis.network.graph import StreetGraph
from kcity_geo.analysis.network.snapping import Homes, Snapped, snap
from kcity_geo.analysis.sites.facts import Fact, dossier_rows
from kcity_geo.analysis.sites.ground_facts import ground_facts
from kcity_geo.analysis.sites.worth import area_means
from kcity_geo.analysis.transport.jobs import job_cells, why_no_jobs
from kcity_geo.citydata import CityData
from kcity_geo.config import read_table
from kcity_geo.errors import StudyError
from kcity_geo.result import Criterion, Dossiers, Suitability

__all__ = ["dossier"]

#: A site is put onto the nearest street this far away, metres.
_SNAP_M = 5000.0
#: A share that rounds to nothing is not told.
_TOLD = 0.005
#: Evidence of a criterion that speaks of this very place.
_OF_THE_PLACE = {"observed", "user", "modelled"}
_COLUMNS = ["site_id", "label", "topic", "item", "title", "value", "unit", "text", "basis"]


def dossier(sites: gpd.GeoDataFrame, score: Suitability, city: CityModel | CityData) -> Dossiers:
    """
    Gather what is known of each site, and what somebody must find out.

    Parameters
    ----------
    sites : of `kcity_geo.rank_sites`, or some rows of them.
    score : of the same project.
    city : data or model of the same city.

    Returns
    -------
    Facts, connections and red flags; without rows where there are no sites. What is not known is NaN and says
    why; a length is that of the way, not of the straight line.

    Raises
    ------
    StudyError
        If `sites` are no sites, or `score` is no score.

    Examples
    --------
    >>> from kcity_geo.demo.toy import SOUTH, UTM, WEST, make_toy
    >>> data = make_toy()
    >>> score = Suitability(project="", title="", score=np.zeros(data.grid.shape), criteria=(), constraints=(),
    ...                     missing={}, feasible=data.inside)
    >>> land = shapely.box(WEST, SOUTH, WEST + 500, SOUTH + 400)
    >>> sites = gpd.GeoDataFrame({"site_id": ["site-01"], "area_ha": [20.0]}, geometry=[land], crs=UTM)
    >>> found = dossier(sites, score, data)
    >>> found.wide().loc["site-01", ["area_ha", "slope_unknown_ha"]].tolist()
    [20.0, 20.0]
    """
    model = model_of(city)
    if not isinstance(sites, gpd.GeoDataFrame) or "site_id" not in sites:
        raise StudyError("dossier: give sites of kc.rank_sites, all or some rows of them")
    if not isinstance(score, Suitability):
        raise StudyError(
            f"dossier(sites, score, data): needs a score of kc.suitability, got {type(score).__name__}; mind the order"
        )
    sites = sites.to_crs(model.city.crs)
    lines = _lines(sites, model)
    people = _in_reach(_gates(sites, lines), model)
    rows: list[dict[str, object]] = []
    flags: list[dict[str, object]] = []
    for i, (_, site) in enumerate(sites.iterrows()):
        who = {"site_id": str(site["site_id"]), "label": _label(site)}
        facts = [
            *_of_table(site),
            *ground_facts(site["geometry"], model, score),
            *_connections(lines[lines["site_id"] == who["site_id"]]),
            *people[i],
            _protected(site["geometry"], model),
            *_criteria(site["geometry"], model, score),
            _evidence(score, model),
            *(
                Fact("to fill", r["item"], r["title"], basis=f"ask: {r['ask']}")
                for r in dossier_rows("to_fill")
            ),
        ]
        rows += [{**who, **fact._asdict()} for fact in facts]
        given = {"elevation"} if model.dem is not None else set()
        flags += [{**who, "flag": text} for text in _flags(facts, given)]
    return Dossiers(
        facts=pd.DataFrame(rows, columns=_COLUMNS),
        connections=lines,
        flags=pd.DataFrame(flags, columns=["site_id", "label", "flag"]),
    )


def _label(site: pd.Series) -> str:
    """Give the name on the maps, as all outputs do."""
    for name in ("label", "rank", "site_id"):
        if name in site and pd.notna(site[name]):
            return str(site[name])
    return ""


def _lines(sites: gpd.GeoDataFrame, city: CityModel) -> gpd.GeoDataFrame:
    found = [connect(sites, city, kind) for kind in connection_kinds()] if len(sites) else []
    columns = [*CONNECTION_COLUMNS, "geometry"]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=city.city.crs)


def _of_table(site: pd.Series) -> list[Fact]:
    """Take over what the table of sites tells already, in words for people."""
    units = read_table("columns")["sites"]
    given = str(site.get("candidate") or "")
    told = [Fact("land", "candidate", "Name of the given area", text=given, basis="its file")]
    return [
        *(told if given else []),
        *(
            Fact(
                "land",
                row["item"],
                row["title"],
                float(site[row["item"]]),
                str(units[row["item"]]["unit"]),
                basis=row["basis"],
            )
            for row in dossier_rows("land")
            if row["item"] in site and site[row["item"]] is not None
        ),
    ]


def _connections(lines: gpd.GeoDataFrame) -> list[Fact]:
    facts = []
    titles = {row["id"]: row["title"].lower() for row in read_table("osm")["layer"]}
    for _, row in lines.iterrows():
        kind, title = row["connection"], row["title"]
        volts = f"{row['voltage_kv']:g} kV" if row["voltage_kv"] > 0 else ""
        where = [row["to_name"] or titles.get(row["to_layer"], ""), volts]
        basis = "; ".join(t for t in (row["note"], row["cost_basis"]) if t)
        text = ", ".join(t for t in where if t)
        facts.append(
            Fact(
                "connections",
                f"route_{kind}_km",
                f"To the nearest {title}",
                row["length_m"] / 1000,
                "km",
                text,
                basis,
            )
        )
        if connection_kinds()[kind]["over"] == "streets":
            facts.append(
                Fact(
                    "connections",
                    f"route_{kind}_new_km",
                    f"New road to the nearest {title}",
                    row["new_m"] / 1000,
                    "km",
                )
            )
    return facts


def _gates(sites: gpd.GeoDataFrame, lines: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Give the place from which each site is driven to: where its road meets the streets, else the site."""
    gates = np.asarray(sites.geometry.to_numpy(), dtype=object).copy()
    roads = lines[lines["connection"] == "road"] if len(lines) else lines
    for i, (line, new_m) in enumerate(zip(roads.geometry, roads.get("new_m", ()), strict=True)):
        if line is not None and new_m < line.length:
            gates[i] = shapely.line_interpolate_point(line, new_m)
        elif line is not None:
            gates[i] = shapely.Point(line.coords[-1])
    return gates


def _mass(city: CityModel) -> Homes:
    """Put the cells in which people live or work onto the streets."""
    there = (city.people.persons > 0) | ((city.once(job_cells) > 0) & city.inside)
    cells = np.flatnonzero(there.ravel())
    homes, owner = city.homes("drive")
    # The streets of all cells of the city are known already; these are some of them.
    each = len(owner) // max(len(city.people.cells), 1)
    first = np.searchsorted(city.people.cells, cells) * each
    rows = (first[:, None] + np.arange(each)).ravel()
    return homes.take(rows), np.repeat(np.arange(len(cells)), each)


def _joined_min() -> float:
    """Give the share of the people below which a piece of the streets is not that of the city."""
    return float(next(r["below"] for r in dossier_rows("flag") if r["item"] == "joined_share"))


def _joined_share(
    graph: StreetGraph, at: Snapped, homes: Snapped, persons: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of all people who live on the piece of the streets that each place is on; of the length without people."""
    size, there = graph.component_m, homes.segment >= 0
    whole = persons.sum()
    if whole > 0:
        piece = graph.component[graph.tail[homes.segment[there]]]
        size = np.bincount(piece, weights=persons[there], minlength=len(size)).astype(np.float64)
    own = size[graph.component[graph.tail[at.segment]]] / (whole if whole > 0 else size.sum())
    return np.asarray(np.where(at.segment >= 0, own, np.nan), dtype=np.float64)


def _off_streets(homes: Snapped, persons: NDArray[np.float64]) -> str:
    """Say how many people live where no street is mapped: nobody drives from or to them."""
    total = float(persons.sum())
    share = float(persons[homes.segment < 0].sum()) / total if total > 0 else 0.0
    return (
        f"{100 * share:.0f} % of the people have no mapped street and are not counted"
        if share >= _TOLD
        else ""
    )


def _in_reach(shapes: NDArray[np.object_], city: CityModel) -> list[list[Fact]]:
    """People and jobs from where a car comes to each site in time."""
    minutes = [float(m) for m in read_table("suitability/dossier")["reach"]["minutes"]]
    graph = city.graph("drive")
    basis = "by car over the streets there or back, without traffic; beyond the study area nobody is counted"
    amounts = {
        "people": city.people.persons,
        "jobs": np.where(city.inside, city.once(job_cells), 0.0),
    }
    apart = "not counted: less than half of the city lives on streets that its streets are joined to, as mapped"
    off = ""
    why = {
        "people": "" if amounts["people"].sum() > 0 else "needs sources.population",
        "jobs": city.once(why_no_jobs),
    }
    table = {kind: np.full((len(shapes), len(minutes)), np.nan) for kind in amounts}
    joined, least = np.full(len(shapes), np.nan), _joined_min()
    if graph.n_segments == 0:
        basis = "no street is mapped here"
    elif len(shapes):
        homes, owner = _mass(city)
        cells = np.flatnonzero(((amounts["people"] > 0) | (amounts["jobs"] > 0)).ravel())
        share = 1 / np.bincount(owner, minlength=len(cells))[owner]
        at = snap(graph, shapes, max_snap_m=_SNAP_M)
        people = amounts["people"].ravel()[cells][owner] * share
        joined = _joined_share(graph, at, homes, people)
        off = _off_streets(homes, people)
        kinds = [kind for kind in amounts if not why[kind]]
        if kinds:
            mass = np.stack([amounts[kind].ravel()[cells][owner] * share for kind in kinds], axis=1)
            # A carriageway that the edge of the map cuts off is left or reached in one direction only.
            found = np.maximum(
                *(
                    reach.sums_within(graph, at, homes, mass, limits=tuple(minutes), direction=way)
                    for way in ("from", "to")
                )
            )
            for number, kind in enumerate(kinds):
                table[kind] = np.where((joined >= least)[:, None], found[:, :, number], np.nan)
    return [
        [
            Fact(
                "people", f"{kind}_{minutes[j]:g}min",
                f"{kind.capitalize()} within {minutes[j]:g} minutes over the streets",
                float(table[kind][i, j]), "persons" if kind == "people" else "jobs",
                basis=why[kind]
                or "; ".join(t for t in (apart if joined[i] < least else basis, off) if t),
            )
            for kind in amounts
            for j in range(len(minutes))
        ]
        + [
            Fact(
                "people", "joined_share", "People of the city on the streets that its streets are joined to",
                float(joined[i]), "share", basis="pieces of the mapped streets; by length where nobody is known",
            )
        ]
        for i in range(len(shapes))
    ]  # fmt: skip


def _protected(shape: shapely.Polygon, city: CityModel) -> Fact:
    frame = city.layer("protected")
    title = "To the nearest protected area, in a straight line"
    if frame is None:
        why = "no protected area is mapped here; ask the authority"
        return Fact("nature", "protected_km", title, unit="km", basis=why)
    away = shapely.distance(frame.geometry.to_numpy(), shape)
    nearest = int(np.argmin(away))
    name = str(frame["name"].iloc[nearest]) if "name" in frame else ""
    text = "" if name in {"nan", "None"} else name
    return Fact(
        "nature",
        "protected_km",
        title,
        float(away[nearest]) / 1000,
        "km",
        text,
        "map or sources.protected",
    )


def _criteria(shape: shapely.Polygon, city: CityModel, score: Suitability) -> list[Fact]:
    facts = []
    fields = [field for one in score.criteria for field in (one.values, one.utility)]  # noqa: PD011 - a field
    means = iter(area_means(fields, shape, city.grid))
    for one in score.criteria:
        value, worth = next(means), next(means)
        measured = "; ".join(part for part in (one.evidence, one.note) if part)
        basis = f"{measured}; {one.value_function}; weight {100 * one.weight_used:.0f} %"
        # The mean of classes is no class.
        if one.function != "cat":
            facts.append(
                Fact("criteria", f"criterion_{one.id}", one.title, value, one.units, basis=basis)
            )
        facts += [
            Fact("criteria", f"{one.id}_score", f"{one.title}: score", worth, "share", basis=basis),
        ]
    return facts


def _evidence(score: Suitability, city: CityModel) -> Fact:
    """Grade how far the data carry: the share of the stated weight that rests on data of the place."""

    def carries(one: Criterion) -> bool:
        return one.evidence in _OF_THE_PLACE and not city.synthetic

    share = sum(c.weight_stated for c in score.criteria if carries(c))
    row = next(r for r in dossier_rows("grade") if share >= r["from"] - 1e-9)
    basis = f"{100 * share:.0f} % of the stated weight: {row['words']}"
    if city.synthetic:
        basis = "a synthetic city: none of it rests on data of a real place"
    return Fact(
        "evidence", "evidence_grade", "Evidence grade, A to C", text=row["grade"], basis=basis
    )


def _flags(facts: list[Fact], given: set[str]) -> list[str]:
    by_item = {fact.item: fact for fact in facts}
    found = []
    for rule in dossier_rows("flag"):
        fact = by_item.get(rule["item"])
        if fact is None or not np.isfinite(fact.value) or not {rule.get("needs")} <= {None, *given}:
            continue
        if fact.value < rule.get("from", -np.inf):
            continue
        if fact.value > rule.get("above", np.inf) or fact.value < rule.get("below", -np.inf):
            value = _three_digits(fact.value)
            found.append(rule["text"].format(value=value).replace("%", " %"))
    return found


def _three_digits(value: float) -> float:
    """Drop what an estimate does not know: 56,541 m3 of earth are 56,500."""
    size = abs(value)
    return value if size < 1000 else round(value, 2 - math.floor(math.log10(size)))  # noqa: PLR2004
