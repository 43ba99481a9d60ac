"""The list of public names is a decision: a name that comes or goes is written down here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing

import pytest

import kcity_geo as kc

MODULES = [m.name for m in pkgutil.walk_packages(kc.__path__, "kcity_geo.")]
PUBLIC = {
    "kcity_geo": """
        City CityData ConceptOptions Config CurveOptions Gaps Indicator KCityError KCityWarning
        Located Plan Result Scenario Study Suitability add_indicators assess_gaps check compare
        concept connect criterion diff dossier energy explain explore extension_curve
        facility_bounds fetch find_cities find_city layer load load_study locate locate_table make_city
        make_demo map open_study plot programme rank_sites remove_indicators run run_cities save save_comparison
        save_plan scenario street_graphs suitability terrain transport unmapped_count verify water
        water_inp
    """,
    "kcity_geo.analysis.energy": "assess recall_and_precision",
    "kcity_geo.analysis.transport": """
        access_circuity assess build_graph build_graphs by_district catchment_persons catchments
        city_stops cumulative_opportunities facilities from_networkx isochrones job_cells k_nearest
        nearest od_matrix pairs public_transport rapid_transit reached_streets rural_access
        served_share service_time service_times snap street_form sums_within to_networkx
        travel_metres travel_minutes two_step_access urban_classes
    """,
    "kcity_geo.analysis.water": "assess rational_peak_m3_s toilets",
    "kcity_geo.cli": "app main",
    "kcity_geo.demo": "load_truth make_demo make_toy",
    "kcity_geo.outputs": "check_out_dir save",
    "kcity_geo.programme": """
        Application Candidate Checked Finding FundingRoute PAPERS Portfolio PortfolioLimits ProgrammeRules Scorecard
        SolutionMatch StudyAdvice StudyOrigin Subject application_schema check check_application choose_portfolio
        content_matrix draft_application funding_routes known_hosts load_application make_paper match_solutions
        problem_statement recommend_study scorecard
    """,
}


def test_the_public_names_are_those_that_were_decided() -> None:
    found = {
        name: sorted(module.__all__)
        for name in ["kcity_geo", *MODULES]
        if hasattr(module := importlib.import_module(name), "__path__")
        and getattr(module, "__all__", None)
    }
    assert found == {name: sorted(names.split()) for name, names in PUBLIC.items()}


@pytest.mark.parametrize("name", ["kcity_geo", *MODULES])
def test_the_names_of_a_module_are_there_once(name) -> None:
    module = importlib.import_module(name)
    names = list(getattr(module, "__all__", []))
    assert len(names) == len(set(names))  # their order is held by the linter
    for public in names:
        assert getattr(module, public) is not None


def public_functions(module) -> list:
    """Functions, classes and methods that a module defines under a name without underscore."""
    found = []
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            found.append(thing)
        elif inspect.isclass(thing):
            found += [f for f in vars(thing).values() if inspect.isfunction(f)]
            if all(base.__module__.startswith(("kcity_geo", "builtins")) for base in thing.__mro__):
                found.append(thing)
    return found


# The command line names some of its types for type checkers only: loading them costs a second.
@pytest.mark.parametrize("name", [n for n in MODULES if not n.startswith("kcity_geo.cli.")])
def test_the_annotations_of_a_module_resolve(name) -> None:
    for function in public_functions(importlib.import_module(name)):
        typing.get_type_hints(function)


def test_the_annotations_of_the_public_names_resolve() -> None:
    seen = {
        name: typing.get_type_hints(getattr(kc, name))
        for name in ("load", "plot", "explore", "run")
    }
    assert seen["load"]["return"] is kc.CityData
