"""
kcity_geo: geospatial evidence for smart-city planning.

The straight line of a study, each arrow a function::

    import kcity_geo as kc

    study = kc.load_study("study.toml")
    data = kc.load(study)
    gaps = kc.assess_gaps(data)
    score = kc.suitability(data, gaps)
    sites = kc.rank_sites(score, data)
    kc.save(kc.Result(study=study, data=data, gaps=gaps, score=score, sites=sites), "out/")

Names are loaded when first used: importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kcity_geo import programme
    from kcity_geo.analysis import energy, transport, water
    from kcity_geo.analysis.connections.connect import connect
    from kcity_geo.analysis.gaps.facility_bounds import facility_bounds, unmapped_count
    from kcity_geo.analysis.location.locate import locate
    from kcity_geo.analysis.location.located import Located
    from kcity_geo.analysis.location.table import locate_table
    from kcity_geo.analysis.sites.dossier import dossier
    from kcity_geo.city import City, make_city
    from kcity_geo.citydata import CityData
    from kcity_geo.comparing import compare, save_comparison
    from kcity_geo.config import Config
    from kcity_geo.demo import make_demo
    from kcity_geo.errors import KCityError, KCityWarning
    from kcity_geo.indicators import add_indicators, remove_indicators
    from kcity_geo.many.country import find_cities
    from kcity_geo.many.run import run_cities
    from kcity_geo.outputs.explain import explain
    from kcity_geo.outputs.looks import explore, plot
    from kcity_geo.outputs.maplayers import layer, map  # noqa: A004 - kc.map is its name
    from kcity_geo.planning.concept import ConceptOptions, Plan, concept
    from kcity_geo.planning.networks.curve import CurveOptions, extension_curve
    from kcity_geo.planning.networks.epanet import water_inp
    from kcity_geo.planning.scenario.scenario import Scenario, scenario
    from kcity_geo.plans import save_plan
    from kcity_geo.result import Gaps, Indicator, Result, Suitability
    from kcity_geo.siting import rank_sites, suitability
    from kcity_geo.sources.local.study_folder import open_study
    from kcity_geo.sources.pack.fetch import fetch
    from kcity_geo.study import (
        assess_gaps,
        check,
        find_city,
        load,
        run,
        save,
        street_graphs,
        terrain,
    )
    from kcity_geo.studyfile import Study, load_study
    from kcity_geo.suitability_keys import criterion
    from kcity_geo.verifying import verify

__version__ = "0.1.0"

_HOMES = {
    "City": "kcity_geo.city",
    "CityData": "kcity_geo.citydata",
    "ConceptOptions": "kcity_geo.planning.concept",
    "Config": "kcity_geo.config",
    "CurveOptions": "kcity_geo.planning.networks.curve",
    "Gaps": "kcity_geo.result",
    "Indicator": "kcity_geo.result",
    "KCityError": "kcity_geo.errors",
    "KCityWarning": "kcity_geo.errors",
    "Located": "kcity_geo.analysis.location.located",
    "Plan": "kcity_geo.planning.concept",
    "Result": "kcity_geo.result",
    "Scenario": "kcity_geo.planning.scenario.scenario",
    "Study": "kcity_geo.studyfile",
    "Suitability": "kcity_geo.result",
    "add_indicators": "kcity_geo.indicators",
    "assess_gaps": "kcity_geo.study",
    "check": "kcity_geo.study",
    "compare": "kcity_geo.comparing",
    "concept": "kcity_geo.planning.concept",
    "connect": "kcity_geo.analysis.connections.connect",
    "criterion": "kcity_geo.suitability_keys",
    "diff": "kcity_geo.analysis.gaps.change",
    "dossier": "kcity_geo.analysis.sites.dossier",
    "explain": "kcity_geo.outputs.explain",
    "explore": "kcity_geo.outputs.looks",
    "extension_curve": "kcity_geo.planning.networks.curve",
    "facility_bounds": "kcity_geo.analysis.gaps.facility_bounds",
    "fetch": "kcity_geo.sources.pack.fetch",
    "find_cities": "kcity_geo.many.country",
    "find_city": "kcity_geo.study",
    "layer": "kcity_geo.outputs.maplayers",
    "load": "kcity_geo.study",
    "load_study": "kcity_geo.studyfile",
    "locate": "kcity_geo.analysis.location.locate",
    "locate_table": "kcity_geo.analysis.location.table",
    "make_city": "kcity_geo.city",
    "make_demo": "kcity_geo.demo",
    "map": "kcity_geo.outputs.maplayers",
    "open_study": "kcity_geo.sources.local.study_folder",
    "plot": "kcity_geo.outputs.looks",
    "rank_sites": "kcity_geo.siting",
    "remove_indicators": "kcity_geo.indicators",
    "run": "kcity_geo.study",
    "run_cities": "kcity_geo.many.run",
    "save": "kcity_geo.study",
    "save_comparison": "kcity_geo.comparing",
    "save_plan": "kcity_geo.plans",
    "scenario": "kcity_geo.planning.scenario.scenario",
    "street_graphs": "kcity_geo.study",
    "suitability": "kcity_geo.siting",
    "terrain": "kcity_geo.study",
    "unmapped_count": "kcity_geo.analysis.gaps.facility_bounds",
    "verify": "kcity_geo.verifying",
    "water_inp": "kcity_geo.planning.networks.epanet",
}
_MODULES = {
    "energy": "kcity_geo.analysis.energy",
    "programme": "kcity_geo.programme",
    "transport": "kcity_geo.analysis.transport",
    "water": "kcity_geo.analysis.water",
}

__all__ = [
    "City",
    "CityData",
    "ConceptOptions",
    "Config",
    "CurveOptions",
    "Gaps",
    "Indicator",
    "KCityError",
    "KCityWarning",
    "Located",
    "Plan",
    "Result",
    "Scenario",
    "Study",
    "Suitability",
    "add_indicators",
    "assess_gaps",
    "check",
    "compare",
    "concept",
    "connect",
    "criterion",
    "diff",
    "dossier",
    "energy",
    "explain",
    "explore",
    "extension_curve",
    "facility_bounds",
    "fetch",
    "find_cities",
    "find_city",
    "layer",
    "load",
    "load_study",
    "locate",
    "locate_table",
    "make_city",
    "make_demo",
    "map",
    "open_study",
    "plot",
    "programme",
    "rank_sites",
    "remove_indicators",
    "run",
    "run_cities",
    "save",
    "save_comparison",
    "save_plan",
    "scenario",
    "street_graphs",
    "suitability",
    "terrain",
    "transport",
    "unmapped_count",
    "verify",
    "water",
    "water_inp",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    raise AttributeError(f"module 'kcity_geo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
