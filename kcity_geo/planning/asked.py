"""
Asked: the keys of ``[concept]`` in a study file, looked at before anything is read or computed.

`kcity check` and `kcity plan` ask here, so that both refuse the same.
"""

from __future__ import annotations

from typing import Any

from kcity_geo.concept_keys import ConceptSection
from kcity_geo.errors import StudyError
from kcity_geo.planning.assumptions import assumptions_of, land_profile
from kcity_geo.planning.cash_flows import require_rates
from kcity_geo.planning.cost_table import cost_rows, price_basis
from kcity_geo.planning.phasing import DEFAULT_PHASES, require_phases
from kcity_geo.planning.rulesets import RuleSet, rule_set
from kcity_geo.studyfile import Study

__all__ = ["checked_keys", "own_cost_rows"]


def checked_keys(study: Study) -> tuple[str, RuleSet]:
    """
    Look at every key of ``[concept]`` before anything is computed.

    Parameters
    ----------
    study : validated study file.

    Returns
    -------
    The profile whose land budget is used, and the rule set.

    Raises
    ------
    StudyError
        If the profile has no land budget, or a share, rule, law of parks, assumption, price row, currency,
        rate or phase is wrong; one line.

    Examples
    --------
    >>> profile, rules = checked_keys(Study(study={"name": "x", "project": "new_town"}))
    >>> profile, rules.id
    ('new_town', 'none')
    """
    keys = study.concept
    profile = keys.profile or study.study.project
    land_profile(profile, shares=keys.shares, far=keys.far)
    known = assumptions_of(keys.assumptions)
    least = known["block_min_ha"]
    if keys.hectares is not None and keys.hectares < least:
        raise StudyError(
            f"[concept] hectares: {keys.hectares:g} is less than a block ({least:g} ha)"
        )
    cost_rows(own_cost_rows(keys))
    price_basis(
        currency=keys.currency,
        price_year=keys.price_year,
        price_level=keys.price_level,
        escalation_share_year=keys.escalation_share_year,
        on=keys.on,
    )
    require_rates(keys.rates)
    require_phases(tuple(keys.phases) or DEFAULT_PHASES)
    rules = rule_set(keys.ruleset or None)
    if keys.park_law:
        # The law is looked up, whatever the size of the site will be.
        rules.binding(profile, 0.0, park_law=keys.park_law, on=keys.on)
    return profile, rules


def own_cost_rows(keys: ConceptSection) -> tuple[dict[str, Any], ...]:
    """
    Give the unit costs of a study file as rows of ``tables/costs.toml``, without what is not given.

    Parameters
    ----------
    keys : of ``[concept]``.

    Returns
    -------
    A row each.

    Examples
    --------
    >>> own_cost_rows(ConceptSection(cost_rows=[{"id": "pipe", "value": 9.0}]))
    ({'currency': 'USD', 'id': 'pipe', 'value': 9.0},)
    """
    rows = (
        {"currency": row.currency, **row.model_dump(exclude_none=True, exclude_unset=True)}
        for row in keys.cost_rows
    )
    return tuple({key: value for key, value in row.items() if value != ""} for row in rows)
