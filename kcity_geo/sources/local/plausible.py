"""Plausible: more people than any place of its size holds, or fewer than a city has, are of another unit: refused."""

from __future__ import annotations

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.sources.local.raster_rules import raster_rule

__all__ = ["refuse_too_few", "refuse_too_many"]


def refuse_too_many(
    persons: float, km2: float, *, where: str, mend: str, part: bool = False
) -> None:
    """
    Refuse more people than any city or district of this size holds.

    Parameters
    ----------
    persons : all of them.
    km2 : the land that they live on.
    where : file, key and place, for the message.
    mend : what to give instead.
    part : a part of a city, which may be as dense as its densest blocks, however large.

    Raises
    ------
    SourceError
        If there are more, by ``mean_density_high`` of ``tables/rasters.toml``.

    Examples
    --------
    >>> refuse_too_many(900_000, 30.0, where="t.csv", mend="give persons")
    """
    rows = raster_rule("population").mean_density_high
    limit = next(high for least, high in rows if km2 >= least and not (part and least))
    # A hamlet of a block or two holds what it holds.
    if persons > limit * max(km2, 0.01):
        each = f", {persons / km2:,.0f} per km2 over {km2:,.1f} km2" if km2 > 0 else ""
        raise SourceError(
            f"{where} adds up to {persons:,.0f} persons{each}, more than any city holds ({limit:,.0f}); {mend}"
        )


def refuse_too_few(
    persons: float, km2: float, *, where: str, mend: str, densest: float = 0.0
) -> None:
    """
    Refuse a number of people that no city of this size has: they are thousands, or something else.

    Parameters
    ----------
    persons : all of them.
    km2 : the land that they live on.
    where : file, key and place, for the message.
    mend : what to give instead.
    densest : persons per km2 where they live closest; a village is dense somewhere, thousands are not.

    Raises
    ------
    SourceError
        If there are fewer, by ``persons_least``, ``density_least`` and ``densest_least`` of ``tables/statistics.toml``.

    Examples
    --------
    >>> refuse_too_few(40, 0.3, where="t.csv", mend="give persons")
    """
    rule = read_table("statistics")
    if persons >= rule["persons_least"] or persons >= rule["density_least"] * km2:
        return
    if densest >= rule["densest_least"]:
        return
    many = f"{persons:,.0f}" if persons >= 10 else f"{persons:.3g}"  # noqa: PLR2004 - digits
    raise SourceError(
        f"{where} adds up to {many} persons on {km2:,.1f} km2, which is no city; are they thousands? {mend}"
    )
