"""Who must be named: the credits of a study's data, in one line and in full."""

from __future__ import annotations

from typing import Protocol

from kcity_geo.citydata import Provenance
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result

__all__ = ["CAVEAT", "SYNTHETIC", "Credited", "attribution_text", "credits_line"]

#: Printed on every output.
CAVEAT = "Screening level; not for procurement or land acquisition."
#: Printed on every output of a city that does not exist.
SYNTHETIC = "Synthetic city: this place does not exist. Its data were generated for demonstration."

_OSM = "© OpenStreetMap contributors"


class Credited(Protocol):
    """What credits can be given of: its inputs, and whether the city exists."""

    @property
    def provenance(self) -> tuple[Provenance, ...]:
        """A row an input."""

    @property
    def synthetic(self) -> bool:
        """Whether the city is made up."""


def credits_line(data: Credited) -> str:
    """
    Give the credits of all inputs in one line.

    Parameters
    ----------
    data : a city, or what is written of a plan.

    Returns
    -------
    Attribution texts without repeats, joined by ``"; "``. Data from OSM always name its
    contributors, also when the provenance does not; a synthetic city says that it is one.
    """
    lines = [plain_text(p.attribution) for p in data.provenance if p.attribution]
    real_osm = any(p.id == "osm" and not p.attribution for p in data.provenance)
    if real_osm and not data.synthetic:
        lines.insert(0, f"{_OSM} (ODbL)")
    if not lines:
        lines = [
            "synthetic data by kcity_geo" if data.synthetic else "sources as given by the user"
        ]
    return "; ".join(dict.fromkeys(lines))


def attribution_text(result: Result) -> str:
    """
    Write the text of ATTRIBUTION.txt.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Lines for people: what to print beside any picture or table made from the folder, then one
    block an input with licence, date and address.
    """
    data = result.data
    lines = [f"Sources of the study of {plain_text(data.city.name)}", ""]
    if data.synthetic:
        lines += [SYNTHETIC, ""]
    lines += [CAVEAT, "", "Print this beside every map, table or figure made from this folder:"]
    lines += [f"  {credits_line(data)}", ""]
    for item in data.provenance:
        lines.append(plain_text(item.title) or item.id)
        for label, value in (
            ("file", item.path),
            ("licence", item.licence),
            ("attribution", item.attribution),
            ("date of the data", item.as_of),
            ("address", item.url),
            ("sha256", item.sha256),
            ("note", item.note),
        ):
            if value:
                lines.append(f"  {label}: {plain_text(value, max_chars=1000)}")
        if not item.complete:
            lines.append("  INCOMPLETE: a part of these data is missing")
        lines.append("")
    if any("ODbL" in p.licence for p in data.provenance) and not data.synthetic:
        lines += [
            "OpenStreetMap data are under the Open Database License: who passes on a database made",
            "from them (study.gpkg, cells.parquet, *.geojson) does so under the same licence.",
            "https://www.openstreetmap.org/copyright",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"
