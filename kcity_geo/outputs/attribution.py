"""Who must be named: the credits of a study's data, in one line and in full."""

from __future__ import annotations

from typing import Protocol

from kcity_geo.citydata import Provenance
from kcity_geo.licensing import Terms, derived_terms, licence_row
from kcity_geo.outputs.text import plain_text
from kcity_geo.result import Result
from kcity_geo.retold import made

__all__ = [
    "CAVEAT",
    "SYNTHETIC",
    "Credited",
    "attribution_text",
    "credits_line",
    "credits_of_file",
    "head_of_page",
    "terms_of",
]

#: Printed on every output.
CAVEAT = made("caveat")
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


def terms_of(data: Credited, *, picture: bool = False) -> Terms:
    """
    Derive the licence under which a file made of a study may be handed on.

    Parameters
    ----------
    data : a city, or what is written of a plan.
    picture : a map or report instead of layers and tables.

    Returns
    -------
    The terms. What is made up is free; an input of a made-up city of which nobody said so is not known there either.
    """
    licences = [p.licence for p in data.provenance]
    if data.synthetic:
        licences = ["CC0-1.0", *licences]
    return derived_terms(licences, picture=picture)


def credits_of_file(data: Credited, *, picture: bool = False) -> dict[str, str]:
    """
    Give what every file of a study says of itself: who must be named, and under which licence it stands.

    Parameters
    ----------
    data : a city, or what is written of a plan.
    picture : a map or report instead of layers and tables.

    Returns
    -------
    ``attribution, licence, licence_url, terms, notice``: texts of one line each.
    """
    terms = terms_of(data, picture=picture)
    known = terms.id != "conflict"
    return {
        "attribution": credits_line(data),
        "licence": terms.id,
        "licence_url": licence_row(terms.id).url if known else "",
        "terms": terms.words,
        "notice": CAVEAT + (" SYNTHETIC CITY." if data.synthetic else ""),
    }


def head_of_page(data: Credited, *, author: str = "") -> tuple[tuple[str, str], ...]:
    """
    Give what a page says of itself to programs: who made it, whom to name, under which licence it stands.

    Parameters
    ----------
    data : a city, or what is written of a plan.
    author : of the study; empty: not stated.

    Returns
    -------
    Name and content of each ``<meta>``; without those that are empty.
    """
    told = credits_of_file(data, picture=True)
    licence = f"{told['licence']} {told['licence_url']}".strip()
    rows = (
        ("author", plain_text(author)),
        ("dcterms.rights", told["attribution"]),
        ("dcterms.license", licence),
        ("dcterms.accessRights", f"{told['terms']} {told['notice']}"),
    )
    return tuple((name, text) for name, text in rows if text)


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
    lines += ["Licence of what was made from them:"]
    for what, picture in (("layers, tables, rasters", False), ("map and report", True)):
        terms = terms_of(data, picture=picture)
        lines.append(f"  {what}: {terms.id}. {terms.words}")
    lines += [
        "",
        "Files in this folder say the same of themselves; a CSV cannot: datapackage.json speaks for it.",
        "",
    ]
    return "\n".join(lines).rstrip() + "\n"
