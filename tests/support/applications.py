"""A study in numbers made by hand, and an application that meets every gate of a year."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from kcity_geo.programme.model import Application, check_application
from kcity_geo.programme.sheets import map_pack
from kcity_geo.study_atlas import StudyAtlas, StudyLayer
from kcity_geo.study_facts import LevelFacts, SiteFacts, StudyFacts, TaskFacts

PEOPLE = 60_000.0


def level(
    key: str, reading: str, *, title: str = "", data: str = "good", **people: float
) -> LevelFacts:
    """A level of a study; people by reading, the rest adequately served."""
    counted = {"adequate": PEOPLE - sum(people.values()), **people}
    short = counted.get("falls_short", 0.0) + counted.get("probably_falls_short", 0.0)
    return LevelFacts(
        key=key,
        title=title or key.title(),
        reading=reading,
        reading_title=reading.replace("_", " "),
        data=data,
        people=counted,
        people_short=short,
        gap_raw=0.3,
        gap_lo=0.25,
        gap_hi=0.4,
        evidence=0.8,
    )


def make_facts(**changes: Any) -> StudyFacts:
    """Water falls short for 12,000, energy for 600; a ranked site."""
    given: dict[str, Any] = {
        "city": "Hanbit",
        "project": "industrial_complex",
        "project_title": "Industrial complex",
        "synthetic": False,
        "population": PEOPLE,
        "area_km2": 36.0,
        "bounds": (-27.04, 44.97, -26.96, 45.03),
        "cell_m": 100.0,
        "crs": "WGS 84 / UTM zone 26N",
        "levels": (
            level("transport", "adequate"),
            level("water", "partly_short", falls_short=9_000.0, probably_falls_short=3_000.0),
            level("energy", "adequate", falls_short=600.0),
            level("flood", "adequate", title="Flood-prone land"),
        ),
        "sites": (
            SiteFacts(label="1", score=0.73, area_ha=70.4, district="Maru", lat=45.0, lon=-27.0),
        ),
        "survey_tasks": 4,
        "survey_sectors": {"water": 4},
        "tasks": (TaskFacts(district="Maru", sector="water", look_for="taps", people_open=500.0),),
        "official": ("population",),
        "caveat": "Screening level; not for procurement or land acquisition.",
        "credits": "synthetic data by kcity_geo",
        **changes,
    }
    return StudyFacts(**given)


def cannot_tell() -> StudyFacts:
    """Nobody can tell anything: the map shows too little."""
    levels = tuple(
        level(key, "cannot_tell", cannot_tell=PEOPLE - 100.0)
        for key in ("transport", "water", "energy", "flood")
    )
    return make_facts(levels=levels, sites=(), no_sites="No site: too little is known.")


#: An application of 2020 that meets every gate.
WHOLE: dict[str, Any] = {
    "programme": {"year": 2020, "submitted": "2020-03-20", "channel": "email"},
    "project": {
        "title": "Smart water of Hanbit",
        "country": "Viet Nam",
        "city": "Hanbit",
        "type": "solution_development",
        "sectors": ["water_resources_management"],
        "status": "underway",
        "problem": "12,000 people lack water.",
    },
    "applicants": [{"name": "City of Hanbit", "kind": "local_government"}],
    "request": {"study": "concept_plan", "budget_krw": 400_000_000},
    "package": {"project": "meters", "consulting": "losses"},
    "training": {"roles": ["engineers"], "persons": 10, "dates": "June", "agreed": True},
    "solution": {"names": ["meters"], "operator": "Water works", "operation_plan": "by tariff"},
    "g2g": {"stage": "planning", "prior_consultation": "2020-02-10"},
    "documents": {"application_form": "form.pdf", "project_summary": ["summary.pdf"]},
    "contact": {"name": "Kim", "email": "kim@example.org"},
}


def changed(**tables: Any) -> Application:
    """The whole application with some keys changed; a value of None takes a key out."""
    raw: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in WHOLE.items()}
    for table, value in tables.items():
        if isinstance(value, dict):
            merged = {**raw.get(table, {}), **value}
            raw[table] = {k: v for k, v in merged.items() if v is not None}
        else:
            raw[table] = value
    return check_application(raw)


def make_atlas() -> StudyAtlas:
    """A square city of 4 km with every layer of the map pack, a district and a site."""
    box = shapely.box(0, 0, 4000, 4000)
    extent = (0.0, 4000.0, 0.0, 4000.0)
    codes = np.tile(np.arange(4.0), (4, 1))
    about = {"EVIDENCE": "modelled", "SOURCE": "kcity_geo", "AS_OF": "2026-01-01"}
    names = {n for s in map_pack() for n in (s.layer, s.sure) if n}
    layers = {
        n: StudyLayer(
            values=codes if n.endswith("reading") else codes / 4, extent=extent, about=about
        )
        for n in names
    }
    layers["landcover"] = StudyLayer(values=codes * 10, extent=extent, colours={10: (1, 2, 3, 255)})
    site = {"rank": [1], "label": ["1"], "geometry": [shapely.box(500, 500, 1500, 1500)]}
    shapes = {
        "boundary": gpd.GeoDataFrame(geometry=[box], crs=32626),
        "districts": gpd.GeoDataFrame({"name": ["Maru"]}, geometry=[box], crs=32626),
        "sites": gpd.GeoDataFrame(site, crs=32626),
        "roads": gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 9), (4000, 9)])], crs=32626),
    }
    return StudyAtlas(layers=layers, shapes=shapes)
