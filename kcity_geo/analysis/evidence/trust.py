"""Trust: how far a method, or a count of which only a part is known, carries."""

from __future__ import annotations

from kcity_geo.citydata import CityInputs

__all__ = ["height_model", "height_wrong", "known_size_trust", "method_trust"]


def known_size_trust(
    city: CityInputs, indicator: str, *, known: int, persons: float, by_area: int = 0
) -> float:
    """
    Give the confidence that a sum over mapped plants may claim at most.

    Parameters
    ----------
    city : its model or its data, for what its study changes.
    indicator : row of ``[known_size]`` of ``tables/priors.toml``.
    known : mapped plants whose size is tagged.
    persons : people of the city, who let so many plants expect.
    by_area : plants whose size is guessed from their area.

    Returns
    -------
    0 to 1; never higher for fewer plants of any kind.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> known_size_trust(make_toy(), "W6", known=1, persons=1_000_000)
    0.0975
    """
    rule = city.rules("priors")["known_size"][indicator]
    expected = max(1.0, persons / float(rule["persons_each"]))
    tagged = float(rule["most"]) * min(1.0, known / expected)
    return max(tagged, float(rule.get("by_area", 0.0)) if by_area else 0.0)


def method_trust(city: CityInputs, name: str) -> float:
    """
    Give the highest confidence that a method carries.

    Parameters
    ----------
    city : its model or its data, for what its study changes.
    name : row of ``[method_trust]`` of ``tables/priors.toml``.

    Returns
    -------
    0 to 1.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> method_trust(make_toy(), "E2_no_lights")
    0.3
    """
    return float(city.rules("priors")["method_trust"][name]["value"])


def height_model(city: CityInputs) -> str:
    """
    Name what heights above drainage rest on.

    Parameters
    ----------
    city : its model or its data.

    Returns
    -------
    ``"surface"`` (roofs and tree tops, also of a model that nobody named) or ``"terrain"``.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> height_model(make_toy())
    'surface'
    """
    surface = city.dem is None or bool(city.dem.attrs.get("surface_model", True))
    return "surface" if surface else "terrain"


def height_wrong(city: CityInputs) -> float:
    """
    Give how often land that an elevation model shows low above the drainage does not flood.

    Parameters
    ----------
    city : its model or its data, for what its study changes.

    Returns
    -------
    Share of the draws, 0 to 1.

    Examples
    --------
    >>> from kcity_geo.demo.toy import make_toy
    >>> height_wrong(make_toy())
    0.2
    """
    row = f"W8_{height_model(city)}_model"
    return float(city.rules("priors")["method_trust"][row]["wrong"])
