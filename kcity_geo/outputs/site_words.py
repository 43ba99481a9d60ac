"""Sites in words: their rows, the sentence about the best one, and why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kcity_geo.analysis.findings import Findings
from kcity_geo.city_districts import REST
from kcity_geo.config import read_table
from kcity_geo.outputs.cited import cited
from kcity_geo.outputs.languages import name as named
from kcity_geo.outputs.languages import spoken, tell, translated
from kcity_geo.outputs.text import as_number, human, plain_text, translated_text
from kcity_geo.profiles import site_rules
from kcity_geo.result import Result
from kcity_geo.retold import made

__all__ = [
    "SiteRow",
    "judged_words",
    "project_words",
    "site_rows",
    "site_sentences",
    "unchecked_rules",
    "why_no_sites",
]


@dataclass(frozen=True, kw_only=True)
class SiteRow:
    """One site in words."""

    id: str
    label: str
    title: str
    score: str
    area: str
    district: str
    reasons: tuple[str, ...]
    concerns: tuple[str, ...]
    flags: tuple[str, ...]
    against: tuple[str, ...]
    not_checked: str
    stability: str
    candidate: str
    fits: bool
    outside: bool
    lat: float
    lon: float
    facts: tuple[tuple[str, str], ...]


def project_words(project: str) -> str:
    """
    Name a project in a sentence: with its article in English.

    Parameters
    ----------
    project : its title, in English.

    Returns
    -------
    For example ``"an industrial complex"``.
    """
    return _article(project) if spoken().code == "en" else translated(project)


def _article(project: str) -> str:
    words = project[:1].lower() + project[1:]
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def unchecked_rules(result: Result) -> str:
    """
    Name the rules that no site could be held against, for lack of data.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    Their titles, with commas between; empty where all were applied or switched off.
    """
    names = [
        translated(plain_text(c.title)).lower()
        for c in result.score.constraints
        if not c.applied and c.limit != "off"
    ]
    return ", ".join(dict.fromkeys(names))


def site_sentences(sites: tuple[SiteRow, ...], project: str, result: Result) -> list[str]:
    """
    Say which site is the best, or that none was found or can be recommended.

    Parameters
    ----------
    sites : of `site_rows`.
    project : its title, in English.
    result : the study that they are of.

    Returns
    -------
    One sentence.
    """
    what = project_words(project)
    no_ranking = result.score.no_ranking
    if no_ranking:
        return [tell("sites_none", project=what, why=translated(plain_text(no_ranking)))]
    if not sites:
        return [tell("sites_none_found", project=what)]
    many = len(sites) > 1
    if not sites[0].score:
        return [tell(f"sites_open_{'many' if many else 'one'}", count=len(sites), project=what)]
    best = sites[0]
    if not best.fits:
        return [
            tell("sites_none_fit" if many else "sites_one_unfit", count=len(sites), project=what)
        ]
    share = judged_words(result)
    told = tell(
        "sites_best_partly" if share else "sites_best",
        share=share,
        project=what,
        label=best.label,
        where=_where(best),
        area=best.area,
        score=best.score,
    )
    if best.flags:
        told = tell(
            "sites_flagged",
            told=told,
            count=cited(str(len(best.flags)), f"site.{best.label}.flags"),
            flag=best.flags[0],
        )
    return [told]


def judged_words(result: Result) -> str:
    """
    Say on how much of the land the best site is the best.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    For example ``"62 %"``; empty where nearly all of the land could be judged.
    """
    findings = Findings(result)
    if result.score.no_ranking or not findings.partly_judged:
        return ""
    return cited(human(findings.judged_share, "share"), "judged_share.city")


def _where(best: SiteRow) -> str:
    """Say behind the number of a site where it lies, and what it is called."""
    given = tell("sites_given", name=best.candidate) if best.candidate else ""
    if best.outside:
        return tell("sites_outside", given=given) if given else tell("sites_outside_plain")
    if best.district:
        return tell("sites_where", given=given, district=best.district)
    return tell("sites_given_alone", name=best.candidate) if best.candidate else ""


def site_rows(result: Result) -> list[SiteRow]:
    """
    Say of each site what a page shows of it.

    Parameters
    ----------
    result : a finished study.

    Returns
    -------
    In the order of their ranks; empty without sites.
    """
    from kcity_geo.outputs.frames import site_frame

    sites = site_frame(result)
    if not len(sites):
        return []
    middle = sites.geometry.representative_point().to_crs(4326)
    flags = {} if result.dossiers is None else result.dossiers.warnings()
    rows = []
    for (_, row), point in zip(sites.iterrows(), middle, strict=True):
        district = plain_text(row.get("district"), max_chars=60)
        label = plain_text(row.get("label", row["rank"]))
        ranked = math.isfinite(as_number(row.get("score")))
        candidate = _candidate(row)
        outside = district == REST
        unchecked = plain_text(row.get("not_checked"))
        concerns = _parts(row.get("concerns"), whole=unchecked)
        warned = flags.get(row["site_id"], ())
        site = f"site.{label}"
        shown = tuple(
            cited(translated_text(text), f"{site}.flag.{number}")
            for number, text in enumerate(warned, start=1)
        )
        against = _not_flagged(concerns, warned)
        rows.append(
            SiteRow(
                id=plain_text(row["site_id"]),
                label=label,
                title=_site_title(label, ranked=ranked, candidate=candidate, district=district),
                score=cited(f"{100 * as_number(row.get('score')):.0f}", f"{site}.score")
                if ranked
                else "",
                area=cited(human(row["area_ha"], "ha"), f"{site}.area_ha"),
                district=named(district),
                reasons=_told(_parts(row.get("reasons")), f"{site}.reasons"),
                concerns=_told(concerns, f"{site}.concerns"),
                flags=shown,
                against=(*shown, *_told(against, f"{site}.concerns")),
                not_checked=cited(translated(unchecked), f"{site}.not_checked"),
                stability=cited(
                    translated(plain_text(row.get("stability"), max_chars=300)),
                    f"{site}.stability",
                ),
                candidate=candidate,
                fits=bool(row.get("fits", True)),
                outside=outside,
                lat=round(point.y, 6),
                lon=round(point.x, 6),
                facts=tuple(_site_facts(row, site)),
            )
        )
    return rows


def _not_flagged(concerns: tuple[str, ...], flags: tuple[str, ...]) -> list[str]:
    """Leave out concerns that a red flag tells already."""
    rows = read_table("suitability/dossier")["flag"]
    begun = [(row["item"], _start(row["text"])) for row in rows]
    said = {item for item, words in begun if words and any(f.startswith(words) for f in flags)}
    inside = [row for row in site_rules()["inside"] if row.get("flag") in said]
    starts = tuple(_start(row["text"]) for row in inside)
    return [text for text in concerns if not (starts and text.startswith(starts))]


def _start(text: str) -> str:
    """Words of a sentence before its number."""
    return text.split("{", 1)[0]


def _site_title(label: str, *, ranked: bool, candidate: str, district: str) -> str:
    """Say the number of a site, its name and its district."""
    site = tell("site" if ranked else "candidate", label=label)
    site = tell("site_named", site=site, name=candidate) if candidate else site
    if district == REST:
        return tell("site_outside", site=site)
    return tell("site_in", site=site, district=named(district)) if district else site


def _candidate(row: Any) -> str:  # noqa: ANN401 - a row of a frame
    """Give the name of a given polygon; a bare number is that of a parcel."""
    name = plain_text(row.get("candidate"), max_chars=60)
    return tell("parcel", number=name) if name.isdigit() else named(name)


def _parts(value: object, *, whole: str = "") -> tuple[str, ...]:
    """Part sentences at their semicolons, but not the one that holds one itself."""
    text = plain_text(value, max_chars=1200)
    first = [whole] if whole and text.startswith(whole) else []
    rest = text.removeprefix(whole) if first else text
    return (*first, *(part for part in (p.strip() for p in rest.split(";")) if part))


_SITE_FACTS = (
    ("slope_pct", "fact_slope", "%"),
    ("hand_m", "fact_hand", "m"),
    ("road_km", "fact_road", "km"),
    ("substation_km", "fact_substation", "km"),
    ("water_km", "fact_water", "km"),
    ("population_45min", "fact_population", "persons"),
    ("compactness", "fact_compactness", ""),
)


def _told(texts: Iterable[str], key: str) -> tuple[str, ...]:
    """Say sentences that stand together under one id of the ledger."""
    return tuple(cited(translated(text), key) for text in texts)


def _site_facts(row: Any, site: str) -> list[tuple[str, str]]:  # noqa: ANN401 - a row of a frame
    found = []
    for key, words, unit in _SITE_FACTS:
        value = as_number(row.get(key))
        if math.isfinite(value):
            found.append((tell(words), cited(human(value, unit), f"{site}.{key}")))
    return found


def why_no_sites(result: Result) -> str:
    """
    Say why no site was found, in the words of the ranking where it left some.

    Parameters
    ----------
    result : a finished study without sites.

    Returns
    -------
    A sentence.
    """
    score = result.score
    if score.no_ranking:
        return f"{translated(plain_text(score.no_ranking))}."
    start = f"{score.title}: no site; "
    for text in score.warnings:
        if text.startswith(start):
            why = translated(plain_text(text.removeprefix(start), max_chars=400))
            return tell("no_site_why", why=why)
    inside = result.data.inside
    if not (score.feasible & inside).any():
        return tell("no_site_why", why=translated(made("all_excluded")))
    smallest = score.parameters.get("min_area_ha")
    size = f" of at least {human(smallest, 'ha')}" if smallest else ""
    return tell("no_site_why", why=translated(made("none_connected", size=size)))
