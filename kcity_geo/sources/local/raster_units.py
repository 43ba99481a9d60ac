"""Units of rasters: what the band of a file says it counts, and what that is in the unit of the study."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcity_geo.config import read_table
from kcity_geo.errors import SourceError
from kcity_geo.sources.local.raster_rules import RasterRule

__all__ = ["Conversion", "conversion", "described_as", "refuse_other_unit"]

#: What a raster of these quantities becomes when it is given for each area unit or as a share of it.
_BY_AREA = {("people", "people_per_area"), ("area", "share")}
_PEOPLE = "people_per_area"


@dataclass(frozen=True)
class Conversion:
    """
    How the values of a band become those of the study.

    Parameters
    ----------
    factor : values are multiplied with it.
    by_area : and with the area of their pixel in m2.
    said : the unit of the file in words; "" when it declares none.
    """

    factor: float = 1.0
    by_area: bool = False
    said: str = ""

    @property
    def same(self) -> bool:
        """Whether the values stay as they are."""
        return self.factor == 1.0 and not self.by_area


def _plain(text: str) -> str:
    """Write a unit without case, brackets behind it, and the many ways of writing a power."""
    text = _folded(text)
    shorter = re.sub(r"\s+[\[(][^\])]*[\])]\s*$", "", text).strip()
    return _signs(shorter or text.strip(" []()"))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("\N{MINUS SIGN}", "-")


def _signs(text: str) -> str:
    """Write powers, products and "per" in one way."""
    text = re.sub(r"^[\[(]([^\[\]()]*)[\])]$", r"\1", text)
    text = re.sub(r"\^|\*\*", "", text)
    text = re.sub(r"[·*\u22c5]", " ", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\b(per|par|por|je|pro)\b(?! ?cent)", "/", text)
    text = re.sub(r"\s*/\s*", "/", text)
    return re.sub(r"\s+", " ", text).strip(" .;:")


@cache
def _spellings() -> dict[str, tuple[str, float, str]]:
    return {
        _plain(name): (row["quantity"], float(row["factor"]), row["said"])
        for row in read_table("raster_units")["unit"]
        for name in row["names"]
    }


def _known(text: str) -> tuple[str, float, str] | None:
    """Give quantity, factor and words of a unit, or None when it is not in the table."""
    plain, names = _plain(text), _spellings()
    if plain in names:
        return names[plain]
    amount = re.sub(read_table("raster_units")["each_pixel"], "", plain)
    if amount != plain and names.get(amount, ("",))[0] in {"people", "area"}:
        return names[amount]
    for word in read_table("raster_units")["above"]:  # "metres above EGM2008"
        head, found, _ = plain.partition(f" {word}")
        if found and names.get(head, ("",))[0] == "length":
            return names[head]
    for name, row in names.items():  # "inhabitants / km2", "persons ha-1": whoever is counted
        if row[0] == _PEOPLE and plain.endswith(name if name[0] == "/" else f" {name}"):
            return row
    return None


def _in_text(text: str) -> tuple[str, float, str] | None:
    """Find a unit for each area in a sentence, as "population density, persons per km2 (2020)"."""
    plain = re.sub(r"[_,;:()\[\]]", " ", _signs(_folded(text)))
    for name, row in _spellings().items():
        if row[0] == _PEOPLE and re.search(
            rf"{re.escape(name)}(?![a-z0-9])(?! (grid|cell|pixel))", plain
        ):
            return row
    return None


def described_as(dataset: Any, band: int) -> str:  # noqa: ANN401 - rasterio
    """
    Give what a file says in words of a band: the description of the band, and that of the whole file.

    Parameters
    ----------
    dataset : open in rasterio.
    band : counted from 1.

    Returns
    -------
    Both; of a file of several bands only that of the band, where it has one.
    """
    own = str(dataset.descriptions[band - 1] or "")
    if own and dataset.count > 1:
        return own
    file = str(dataset.tags().get("TIFFTAG_IMAGEDESCRIPTION", ""))
    return "; ".join(dict.fromkeys(text for text in (own, file) if text))


def conversion(
    rule: RasterRule,
    *,
    unit: str,
    tag: str = "",
    description: str = "",
    where: str,
    file_name: str = "",
) -> Conversion:
    """
    Say how the values of a band become those of the study.

    Parameters
    ----------
    rule : row of ``tables/rasters.toml``, with the ``quantity`` that is needed.
    unit : that the band declares; "" for none.
    tag : unit in a tag of the file, taken when the band declares none and it is a known one.
    description : of the band and the file, `described_as`.
    where : key and file, for messages.
    file_name : without folders; products whose values are densities are known by it.

    Returns
    -------
    The factor to multiply with; 1 when nothing is declared.

    Raises
    ------
    SourceError
        If the unit is of something else, or is not known, or the file is a density without a unit.

    Examples
    --------
    >>> from kcity_geo.sources.local.raster_rules import raster_rule
    >>> conversion(raster_rule("elevation"), unit="US survey foot", where="dem.tif")
    Conversion(factor=0.3048006096012192, by_area=False, said='US survey feet')
    """
    needed = rule.quantity
    if needed is None:
        return Conversion()
    nothing = read_table("raster_units")["none"]
    if _plain(unit) in {"", *nothing}:
        unit = ""
    found = _known(unit) if unit else None
    if unit and found is None:
        raise SourceError(
            f"{where} declares the unit {unit!r}, which is not known; it needs {rule.hint}: convert it, "
            "or set the right unit (gdal_edit.py -units)"
        )
    if found is None and tag:
        found = _known(tag)
    if found is None and needed == "people":
        found = _density(description, file_name, where=where, rule=rule)
    if found is None:
        return Conversion()
    quantity, factor, said = found
    if quantity == needed:
        return Conversion(factor, by_area=False, said=said)
    if (needed, quantity) in _BY_AREA:
        return Conversion(factor, by_area=True, said=said)
    raise SourceError(
        f"{where} declares the unit {unit or tag!r}; it needs {rule.hint}: give another file, or set "
        "the right unit (gdal_edit.py -units)"
    )


def _density(
    description: str, file_name: str, *, where: str, rule: RasterRule
) -> tuple[str, float, str] | None:
    """Tell a density from the description of the band or from the name of the product."""
    _refuse_magnitude(description, where=where)
    found = _in_text(description)
    if found is not None:
        return found
    for marker, unit in rule.density_products:
        if re.search(marker, file_name, re.IGNORECASE):
            return _known(unit)
    for text, what in ((description, "the description"), (file_name, "the name")):
        if re.search(read_table("raster_units")["density_words"], _folded(text)):
            raise SourceError(
                f"{where}: {what} {text!r} says density, and the band declares no unit; set it (gdal_edit.py "
                "-units 'persons per km2', or 'persons' where they are counts)"
            )
    return None


def _refuse_magnitude(description: str, *, where: str) -> None:
    """Refuse people whose description says thousands or millions; bare numbers are pixels of 1000 m."""
    for found in re.finditer(
        read_table("statistics")["magnitudes"], f" {description}", re.IGNORECASE
    ):
        if any(sign.isalpha() for sign in found.group()):
            raise SourceError(
                f"{where}: the description {description!r} says {found.group().strip(' (')!r}, and the band "
                "declares no unit; set it (gdal_edit.py -units 'thousands of persons', or 'persons' for counts)"
            )


def refuse_other_unit(
    values: NDArray[np.float64], rule: RasterRule, *, pixel_m: float, where: str
) -> None:
    """
    Refuse values of a file without a unit that no city has in the unit which is needed.

    Parameters
    ----------
    values : of the pixels in and around the city, NaN where nothing is known.
    rule : row of ``tables/rasters.toml`` with ``share_like`` and ``wet_median_high``.
    pixel_m : side of a pixel, metres.
    where : key and file, for messages.

    Raises
    ------
    SourceError
        If amounts of land are shares or percent, or water is deeper than floods are.
    """
    if not rule.share_like and rule.wet_median_high is None:
        return
    present = values[np.isfinite(values) & (values > 0)]
    if not len(present):
        return
    high = float(present.max())
    for most, least_m2 in rule.share_like:
        if high <= most and pixel_m**2 >= least_m2:
            raise SourceError(
                f"{where} has at most {high:g} m2 in a pixel about {pixel_m:,.0f} m wide and declares no unit; "
                "is it a share, a mask of 0 and 1, or percent? Set it "
                "(gdal_edit.py -units '%', 'share', or 'm2' where so little is built)"
            )
    if rule.wet_median_high is not None and (deep := float(np.median(present))) > (
        rule.wet_median_high
    ):
        raise SourceError(
            f"{where} puts half of the flooded land more than {deep:g} m under water and declares no unit; are "
            "they centimetres? Set it (gdal_edit.py -units cm, or m where water stands so deep)"
        )
