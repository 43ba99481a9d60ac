"""
Sites: the best areas for a project, ranked, each with its reasons.

Ranked by mean score, weakest tenth, length of connections and compactness. Ownership, price, zoning
and ground conditions are in no open data: a site is where to look, not where to build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.sites.areas import Area, Rows, area_rows, open_areas
from kcity_geo.analysis.sites.contents import CONTENT_COLUMNS, content_concerns, site_contents
from kcity_geo.analysis.sites.cut_out import cut_out
from kcity_geo.analysis.sites.describe import describe, published, totals
from kcity_geo.analysis.sites.given import Shares, given_land, large_enough, size_concerns
from kcity_geo.analysis.sites.reasons import reasons_of
from kcity_geo.analysis.sites.stability import STABILITY_COLUMNS, stability
from kcity_geo.analysis.sites.weighed import SiteTable
from kcity_geo.analysis.sites.worth import criterion_means
from kcity_geo.analysis.suitability.view import CityView
from kcity_geo.citydata import CityData
from kcity_geo.errors import StudyError
from kcity_geo.notes import tell
from kcity_geo.profiles import site_rules
from kcity_geo.result import Suitability
from kcity_geo.retold import made
from kcity_geo.suitability_keys import SitesSection

__all__ = ["SITE_COLUMNS", "SiteChoice", "place_labels", "rank_sites", "site_threshold"]

SITE_COLUMNS = (
    "site_id", "label", "rank", "score", "mean_score", "area_ha", "reasons", "concerns", "slope_pct",
    "hand_m", "road_km", "substation_km", "water_km", "population_45min", "top3_share",
    "compactness", "district", "low_decile_score", "connection_score", "width_m", "rank_p05",
    "rank_p95", "first_share", "flip_distance", "stability", "weight_known", "not_checked",
    "candidate", "open_share", "site_share", "held_share", "held_by", "fits", *CONTENT_COLUMNS,
)  # fmt: skip
#: Scores that agree in so many decimals are equal.
_DECIMALS = 12
#: Outlines nearer than this touch, in metres.
_TOUCHING_M = 1.0
_WHOLE = {"rank": "int64", "buildings": "int64", "at_edge": "bool", "fits": "bool"}


def site_threshold(score: NDArray[np.float64]) -> float:
    """
    Choose the lowest score of a site where the study does not say.

    Parameters
    ----------
    score : shape (rows, cols). NaN: excluded or unknown.

    Returns
    -------
    0.7, or the score of the best tenth of the feasible cells where that is lower; at least 0.5.

    Examples
    --------
    >>> site_threshold(np.array([[0.1, 0.2, np.nan]]))
    0.5
    """
    rule = site_rules()
    known = score[np.isfinite(score)]
    if len(known) == 0:
        return float(rule["threshold_min"])
    best = np.quantile(known, rule["threshold_quantile"])
    return float(max(rule["threshold_min"], min(rule["threshold_good"], best)))


@dataclass(frozen=True, kw_only=True, eq=False)
class SiteChoice:
    """
    Which land becomes a site.

    Parameters
    ----------
    keys : ``[suitability.sites]`` of a study file.
    candidates : polygons of the user in the metric CRS of the city, which are the sites then.
    screening : where no ranking is possible, give the land that no constraint excludes, without score
        and order: the largest areas, from north to south, labelled A, B, C.
    kept : areas of another ranking, which keep their outlines and names; they lose what is excluded now.
    """

    keys: SitesSection = field(default_factory=SitesSection)
    candidates: gpd.GeoDataFrame | None = None
    screening: bool = False
    kept: tuple[Area, ...] | None = None


def rank_sites(
    score: Suitability,
    city: CityModel | CityData,
    *,
    threshold: float | None = None,
    max_sites: int = 10,
    seed: int = 7,
    choice: SiteChoice | None = None,
) -> gpd.GeoDataFrame:
    """
    Delineate the best areas for a project and rank them.

    Parameters
    ----------
    score : of `kcity_geo.analysis.suitability.score.suitability`.
    city : model or data of the same city.
    threshold : lowest score of a site; `site_threshold` when None, and none for areas that are grown.
    max_sites : sites kept.
    seed : of the random weights.
    choice : which land becomes a site; connected land above the threshold when None.

    Returns
    -------
    Metric CRS, best first, columns `SITE_COLUMNS`. Lengths of connections are straight lines from
    the outline; reasons speak of the mean over the site. Reasons and concerns are parted by
    ``"; "``. ``attrs["given"]`` holds polygons as they were given, by name. ``weight_known`` is the
    share of the stated weights that had data; ``not_checked`` says why candidate land has no rank. Empty,
    with a warning that says why, when no ranking is possible or no area is large, wide and compact enough.
    Sites never overlap excluded
    cells and, unless they were given, never cross a motorway, trunk road or railway
    (`kcity_geo.analysis.sites.severance`). Given polygons that are too small, too narrow or hardly open
    (``fits`` False) come after all others, whatever they score; where none fits, they have letters and no
    rank.

    Raises
    ------
    StudyError
        If `threshold` is no number from 0 to 1, or `max_sites` no whole number from 1.
    """
    if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
        raise StudyError(f"suitability.threshold: {threshold!r} is not a number between 0 and 1")
    if isinstance(max_sites, bool) or not isinstance(max_sites, int | np.integer) or max_sites < 1:
        raise StudyError(f"suitability.max_sites: {max_sites!r} is not a whole number from 1")
    city, choice = model_of(city), choice or SiteChoice()
    view = CityView(city, None)
    ranking = not (score.no_ranking or not score.criteria)
    weighed = bool(score.criteria or score.missing)
    if weighed and not ranking and not choice.screening:
        return _none(city, f"{score.title}: {score.no_ranking}")
    land = _land(score, city, choice, threshold if ranking else None, ranking=ranking)
    if not land.polygons:
        what = "no site" if ranking else "no candidate land"
        return _none(city, f"{score.title}: {what}; {land.why}")
    frame = describe(score, view, land.polygons, land.cells)
    if choice.kept is None:
        fits = large_enough(land.polygons, [one.site for one in land.shares], score.parameters)
    else:
        fits = [one.fits for one in land.kept]
    frame = frame.assign(candidate=land.names, fits=fits)
    for i, name in enumerate(("open_share", "site_share", "held_share", "held_by")):
        frame[name] = [one[i] for one in land.shares]
    if ranking:
        ranked = _ranked(frame, score, land, seed=seed)
        if not any(fits):
            ranked = _without_rank(ranked, score.title, named=choice.kept is not None)
        listed = _with_contents(ranked.head(max_sites), land, score, city)
        most = site_rules()["compared_max"]
        listed.attrs["areas"] = area_rows(ranked, listed, land.cells, most=most)
        return _with_given(listed, land)
    listed = _unranked(frame, max_sites=max_sites)
    if len(frame) > max_sites:
        tell(
            f"{score.title}: the {max_sites} largest of {len(frame)} areas of candidate land are listed"
        )
    return _with_given(_with_contents(listed, land, score, city), land)


def _with_given(listed: gpd.GeoDataFrame, land: _Land) -> gpd.GeoDataFrame:
    """Keep the polygons as they were given beside what is open of them: name -> polygon."""
    if land.given:
        listed.attrs["given"] = dict(zip(land.names, land.given, strict=True))
    return listed


def _without_rank(listed: gpd.GeoDataFrame, title: str, *, named: bool) -> gpd.GeoDataFrame:
    """Take the ranks off given polygons none of which the project can use: none is its first choice."""
    tell(
        f"{title}: none of the {len(listed)} given candidates is large, wide and open enough; they have no "
        "rank, and their concerns say what each lacks"
    )
    if named:  # areas of an earlier ranking keep their names
        return listed.assign(rank=np.nan)
    labels = [_letters(i) for i in range(len(listed))]
    return listed.assign(rank=np.nan, label=labels, site_id=[f"land-{name}" for name in labels])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _none(city: CityModel, why: str) -> gpd.GeoDataFrame:
    """Give no site, and tell why; ``attrs["none"]`` keeps it for whoever asks for one."""
    tell(why)
    found = _empty(city)
    found.attrs["none"] = why
    return found


class _Land(NamedTuple):
    """Outlines, their cells, their names and shares where they were given, and what kept others out."""

    polygons: list[shapely.Polygon]
    cells: list[NDArray[np.int64]]
    names: list[str]
    shares: list[Shares]
    why: str
    kept: tuple[Area, ...] = ()
    given: tuple[BaseGeometry, ...] = ()


def _land(
    score: Suitability,
    city: CityModel,
    choice: SiteChoice,
    threshold: float | None,
    *,
    ranking: bool,
) -> _Land:
    """Give the areas that are ranked: those kept, those given, those grown, or those that score well."""
    if choice.kept is not None:
        kept = tuple(open_areas(choice.kept, score, score.parameters))
        return _Land(
            [one.polygon for one in kept],
            [one.cells for one in kept],
            [one.candidate for one in kept],
            [Shares(one.open_share, one.site_share, one.held_share, one.held_by) for one in kept],
            made("none_kept_open"),
            kept,
        )
    if choice.candidates is not None:
        given = given_land(
            choice.candidates,
            score,
            city,
            worth=lambda shapes, cells: totals(score, CityView(city, None), shapes, cells),
        )
        return _Land(*given[:4], made("none_given_open"), given=tuple(given.given))
    limit = None
    if ranking:
        grown = choice.keys.method == "grow"
        least = 0.0 if grown else site_threshold(score.score)
        limit = least if threshold is None else threshold
    polygons, cells, why = cut_out(score, city, limit, choice.keys)
    return _Land(polygons, cells, [""] * len(polygons), [Shares()] * len(polygons), why)


def _unranked(frame: gpd.GeoDataFrame, *, max_sites: int) -> gpd.GeoDataFrame:
    """List candidate land from north to south: letters and no score, so that nobody reads an order."""
    largest = frame.sort_values("area_ha", ascending=False, kind="stable").head(max_sites)
    place = largest.geometry.bounds
    listed = largest.assign(_n=-place["maxy"], _w=place["minx"])
    listed = listed.sort_values(["_n", "_w"], kind="stable")
    nothing = (
        "rank",
        "score",
        "mean_score",
        "low_decile_score",
        "top3_share",
        "rank_p05",
        "rank_p95",
        "first_share",
        "flip_distance",
    )
    listed = listed.assign(**dict.fromkeys(nothing, np.nan), reasons="", concerns="", stability="")
    listed["label"] = [_letters(i) for i in range(len(listed))]
    listed["site_id"] = [f"land-{label}" for label in listed["label"]]
    return listed


def _letters(number: int) -> str:
    """Name areas A to Z, then AA, AB, ..."""
    first, last = divmod(number, 26)
    return (_letters(first - 1) if first else "") + chr(ord("A") + last)


def place_labels(shapes: NDArray[np.object_]) -> list[str]:
    """
    Label sites by place: parts of one place, which touch, share a number and differ by a letter.

    Parameters
    ----------
    shapes : outlines, metric CRS, best first.

    Returns
    -------
    A label a site; places are counted in the order of their best sites. Sides of a motorway or railway do
    not touch.

    Examples
    --------
    >>> place_labels(np.array([shapely.box(0, 0, 9, 9), shapely.box(50, 0, 59, 9), shapely.box(9, 0, 18, 9)]))
    ['1a', '2', '1b']
    """
    place = list(range(len(shapes)))
    pairs = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=_TOUCHING_M)
    for one, other in pairs.T.tolist():
        low, high = sorted((place[one], place[other]))
        place = [low if p == high else p for p in place]
    order = list(dict.fromkeys(place))
    return [
        f"{order.index(p) + 1}"
        + (_letters(place[:i].count(p)).lower() if place.count(p) > 1 else "")
        for i, p in enumerate(place)
    ]


def _labels(frame: gpd.GeoDataFrame) -> list[str]:
    """Label by place what fits; what does not is no part of such a place and takes its rank."""
    fits = frame["fits"].to_numpy(dtype=bool)
    places = (
        iter(place_labels(np.asarray(frame.geometry.to_numpy())[fits])) if fits.any() else iter(())
    )
    return [next(places) if ok else str(rank) for ok, rank in zip(fits, frame["rank"], strict=True)]


def _named(next_to: list[str], labels: list[str]) -> list[str]:
    return [", ".join(labels[int(p) - 1] for p in text.split(", ") if p) for text in next_to]


def _with_contents(
    ranked: gpd.GeoDataFrame, land: _Land, score: Suitability, city: CityModel
) -> gpd.GeoDataFrame:
    """Tell what stands on each site, what was not checked, and how much of the weight had data."""
    cells = [land.cells[i] for i in ranked.index]
    closed = [land.kept[i].closed_share if land.kept else 0.0 for i in ranked.index]
    frame = ranked.reset_index(drop=True)
    contents = site_contents(np.asarray(frame.geometry.to_numpy()), cells, city)
    if frame["rank"].notna().all() and not land.kept:
        frame["label"] = _labels(frame)
    contents["next_to"] = _named(contents["next_to"].tolist(), frame["label"].tolist())
    frame = frame.assign(**{c: contents[c] for c in CONTENT_COLUMNS})
    frame["weight_known"] = sum(c.weight_stated for c in score.criteria)
    frame["not_checked"] = score.no_ranking
    other = [c.title.lower() for c in score.constraints if not c.applied and c.limit != "off"]
    last = [made("not_checked", titles=", ".join(other))] if other else []
    small = size_concerns(frame, score.parameters)
    lost = [
        made("scenario_closed", share=f"{100 * share:.0f}") if share > 0 else "" for share in closed
    ]
    frame["concerns"] = [
        "; ".join(t for t in (score.no_ranking, gone, own, *inside, *size, *last) if t)
        for gone, own, inside, size in zip(
            lost, frame["concerns"], content_concerns(contents), small, strict=True
        )
    ]
    return frame[[*SITE_COLUMNS, "geometry"]]


def _empty(city: CityModel) -> gpd.GeoDataFrame:
    text = {
        "site_id",
        "label",
        "stability",
        "reasons",
        "concerns",
        "district",
        "not_checked",
        "next_to",
        "candidate",
        "held_by",
    }
    columns: dict[str, Any] = {
        c: pd.Series(dtype="object" if c in text else _WHOLE.get(c, "float64"))
        for c in SITE_COLUMNS
    }
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=city.city.crs))


def _ranked(
    frame: gpd.GeoDataFrame, score: Suitability, land: _Land, *, seed: int
) -> gpd.GeoDataFrame:
    cells = land.cells
    used = [c for c in score.criteria if c.weight_used > 0]
    table, known = criterion_means(used, cells)
    frame["mean_score"], frame["score"], parts = published(frame, score, table)
    scale, low = parts[:, 0], parts[:, 1]
    moved = scale * frame["mean_score"] + low * frame["low_decile_score"]
    offset = (frame["score"] - moved).to_numpy()
    place = frame.geometry.bounds
    # Rounded, so that a last bit makes no order among equals.
    order = frame.assign(
        _score=frame["score"].round(_DECIMALS), _x=place["minx"], _y=place["miny"]
    ).sort_values(
        ["fits", "_score", "_x", "_y"], ascending=[False, False, True, True], kind="stable"
    )
    frame["rank"] = pd.Series(np.arange(1, len(frame) + 1), index=order.index)
    # Only what the project can use competes for the first place.
    able = np.flatnonzero(frame["fits"].to_numpy(dtype=bool))
    sites = SiteTable(
        used,
        table[able],
        scale[able],
        offset[able],
        [cells[i] for i in able],
        low_scale=low[able],
        known=known[able],
        known_min=score.known_min / sum(c.weight_stated for c in used),
    )
    stable = pd.DataFrame(columns=list(STABILITY_COLUMNS))
    rows: list[dict[str, object]] = []
    if len(able):
        stable, rows = stability(sites, frame["rank"].to_numpy()[able], score, seed=seed)
    for name in STABILITY_COLUMNS:
        frame[name] = (
            pd.Series(stable[name].to_numpy(), index=able).reindex(range(len(frame))).to_numpy()
        )
    frame.loc[~frame["fits"], "stability"] = made("not_compared")
    texts = [reasons_of(used, table[i], known[i], c) for i, c in enumerate(cells)]
    frame["reasons"] = ["; ".join(t[0]) for t in texts]
    frame["concerns"] = ["; ".join(t[1]) for t in texts]
    frame["site_id"] = [one.site_id for one in land.kept] or [
        f"site-{i:02d}" for i in frame["rank"]
    ]
    frame["label"] = [one.label for one in land.kept] or frame["rank"].astype(str)
    ids = frame["site_id"].tolist()
    frame.attrs["robustness"] = Rows(
        {**row, "site": ids[able[int(str(row["site"]))]]} for row in rows
    )
    return frame.loc[order.index]
