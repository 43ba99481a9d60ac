"""Rural access: rural people within reach of an all-season road (T3)."""

from __future__ import annotations

import numpy as np
import shapely

from kcity_geo.analysis.city_model import CityModel, model_of
from kcity_geo.analysis.network.rules import all_season_weight
from kcity_geo.analysis.settlement.districts import weighted_mean
from kcity_geo.analysis.settlement.residents import NO_PEOPLE, share_indicator, with_layers
from kcity_geo.analysis.transport.public_transport import straight_m
from kcity_geo.citydata import CityData
from kcity_geo.result import Indicator, assessable, unassessed

__all__ = ["rural_access"]


def rural_access(city: CityModel | CityData) -> list[Indicator]:
    """
    Tell which rural people live within 2 km of an all-season road (T3, SDG 9.1.1).

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    T3, where a road of unknown surface counts in full, and T3_weighted, where it counts 0.6. The
    bounds of T3 are with and without such roads.
    """
    city = model_of(city)
    people, near_m = city.people, city.settings("transport")["rural_road_m"] + 1e-9
    names = ("roads_drive",)
    layer = city.layers.get("roads_drive")
    if layer is None or len(layer) == 0:
        reason = "no road is mapped in the map data: add an OSM extract with roads"
        return [unassessed(i, "share", reason, layers=names) for i in ("T3", "T3_weighted")]
    lived_in = people.persons[people.rural].sum() > 0 if people.known else people.rural.any()
    if not lived_in:
        reason = "no rural people in the study area"
        if not people.classes_known:
            reason = "urban and rural cells are not known: add a population grid of the region"
        return [unassessed(i, "share", reason, layers=names) for i in ("T3", "T3_weighted")]
    if city.checking:
        fields = with_layers(city, *names)
        if not people.known:
            fields["not_assessed"] = NO_PEOPLE
        return [assessable(i, "share", **fields) for i in ("T3", "T3_weighted")]
    # Straight lines are looked for where rural people may live, and nowhere else.
    cells = np.flatnonzero(people.rural.ravel())
    weight = all_season_weight(layer, table=city.network_rules)
    lines = np.asarray(layer.geometry.to_numpy(), dtype=object)
    sure = straight_m(city, cells, lines[weight >= 1], name="all-season roads") <= near_m
    sure_only = bool((weight[weight > 0] >= 1).all())
    maybe = (
        sure
        if sure_only
        else straight_m(city, cells, lines[weight > 0], name="perhaps all-season roads") <= near_m
    )
    unknown = float(weight[(weight > 0) & (weight < 1)].max(initial=0.0))
    shares = {
        "T3": maybe.mean(axis=1),
        "T3_weighted": np.where(sure, 1.0, np.where(maybe, unknown, 0.0)).mean(axis=1),
        "sure": sure.mean(axis=1),
    }
    grids = {key: np.full(city.grid.shape, np.nan) for key in shares}
    for key, values in shares.items():
        grids[key].flat[cells] = values
    low = weighted_mean(np.where(people.rural, grids["sure"], np.nan), people.persons)
    high = weighted_mean(np.where(people.rural, grids["T3"], np.nan), people.persons)
    metres = shapely.length(lines)
    details = {
        "all_season_km": float(metres[weight >= 1].sum() / 1000),
        "unknown_surface_km": float(metres[(weight > 0) & (weight < 1)].sum() / 1000),
    }
    fields = with_layers(city, *names)
    return [
        share_indicator(
            name,
            grids[name],
            people,
            who=people.rural,
            bounds=(low, high),
            note=f"{float(people.persons[people.rural].sum()):,.0f} rural residents; straight lines; roads "
            f"of unknown surface count {how}",
            details=details,
            **fields,
        )
        for name, how in (("T3", "in full"), ("T3_weighted", f"{unknown:g}"))
    ]
