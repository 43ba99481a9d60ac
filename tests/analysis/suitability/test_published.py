"""Published tables of the literature on weights and combination: their printed numbers are ours."""

from __future__ import annotations

import numpy as np
import pytest

from kcity_geo.analysis.network.catchments import Ways, floating_catchments, inverse
from kcity_geo.analysis.suitability.combination import owa, topsis, wlc
from kcity_geo.analysis.suitability.weights import ahp, critic_weights
from kcity_geo.analysis.terrain.relief import slope_pct
from kcity_geo.demo.toy import UTM


def test_critic_of_eight_pharmaceutical_firms():
    """Profitability, market share, productivity: Diakoulaki, Mavrotas, Papayannakis (1995), table 2 and 3."""
    firms = np.array([
        [61, 1.08, 4.33], [20.7, 0.26, 4.34], [16.3, 1.98, 2.53], [9, 3.29, 1.65],
        [5.4, 2.77, 2.33], [4, 4.12, 1.21], [-6.1, 3.52, 2.10], [-34.6, 3.31, 0.98],
    ])  # fmt: skip
    assert critic_weights(firms).round(2).tolist() == [0.20, 0.48, 0.32]


def test_topsis_of_four_fighter_aircraft():
    """Hwang and Yoon (1981), Multiple Attribute Decision Making, p. 133; the fourth attribute is a price."""
    aircraft = np.array([
        [2.0, 1500, 20000, -5.5, 5, 9], [2.5, 2700, 18000, -6.5, 3, 5],
        [1.8, 2000, 21000, -4.5, 7, 7], [2.2, 1800, 20000, -5.0, 5, 5],
    ])  # fmt: skip
    weights = np.array([0.2, 0.1, 0.1, 0.1, 0.2, 0.3])
    found = topsis(aircraft)(aircraft, weights)
    # The book rounds on the way.
    assert found == pytest.approx([0.643, 0.268, 0.613, 0.312], abs=0.001)


def test_judgements_on_what_people_drink():
    """Saaty (2008), Decision making with the analytic hierarchy process, table 2: coffee, wine, tea, beer ..."""
    rows = (
        "1 9 5 2 1 1 1/2|1/9 1 1/3 1/9 1/9 1/9 1/9|1/5 3 1 1/3 1/4 1/3 1/9|1/2 9 3 1 1/2 1 1/3|"
        "1 9 4 2 1 2 1/2|1 9 3 1 1/2 1 1/3|2 9 9 3 2 3 1"
    )
    matrix = [
        [float(a) / float(b or 1) for a, _, b in (one.partition("/") for one in row.split())]
        for row in rows.split("|")
    ]
    found = ahp(matrix)
    assert found.weights.round(3).tolist() == [0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327]
    assert found.consistency_ratio == pytest.approx(0.022, abs=0.001)


def test_ordered_weights_of_yager():
    """Yager (1988), IEEE SMC 18(1), example: F(0.7, 1, 0.3, 0.6) = 0.76 with weights 0.4, 0.3, 0.2, 0.1."""
    assert owa(np.array([0.7, 1, 0.3, 0.6]), np.ones(4), [0.4, 0.3, 0.2, 0.1]) == pytest.approx(
        0.76
    )


def test_a_weighted_overlay_of_two_rasters():
    """Esri, How Weighted Overlay works: 2 of 3 with 75 % and 3 of 3 with 25 % make 2.25 of 3."""
    assert wlc(np.array([2 / 3, 3 / 3]), [75, 25]) * 3 == pytest.approx(2.25)


def test_the_slope_of_a_window():
    """Esri, How Slope works: a window of nine heights at 5 m has 75.25762 degrees, which is 380 %."""
    import xarray as xr

    heights = np.array([[50.0, 45, 50], [30, 30, 30], [8, 10, 10]])
    at = np.arange(3) * 5.0
    dem = xr.DataArray(heights, coords={"y": at[::-1], "x": at}, dims=("y", "x")).assign_attrs(
        crs=UTM
    )
    found = slope_pct(dem, cell_m=5.0).to_numpy()[1, 1]
    # The page cuts 3.80033 off to 3.80032 on the way.
    assert np.degrees(np.arctan(found / 100)) == pytest.approx(75.25762, abs=1e-4)


def test_floating_catchments_of_other_packages():
    """Tests of aceso (three homes, two places, 6 minutes: 1.5, 0.5 and 0) and of pysal/access (one over the cost)."""
    cost = np.array([[5.0, 5], [10, 0], [15, 15]])
    home, place = (part.ravel() for part in np.indices(cost.shape))
    ways = Ways(home, place, cost.ravel())
    found = floating_catchments(ways, np.ones(3), np.ones(2), limit=6)
    assert found.tolist() == [1.5, 0.5, 0.0]
    # A toll lane out of the city: pysal/access, test_hospital_example, scenario 2, solved by hand.
    towns = np.array([[1.0, 80, 40], [80, 1, 40], [20, 20, 1]])
    people, doctors = np.array([100.0, 50, 10]), np.array([15.0, 20, 100])
    home, place = np.nonzero(towns < 61)
    found = floating_catchments(
        Ways(home, place, towns[home, place]), people, doctors, limit=61, decay=inverse()
    )
    rate = doctors / np.array([100 + 10 / 20, 50 + 10 / 20, 150 / 40 + 10])
    assert found == pytest.approx(
        [rate[0] + rate[2] / 40, rate[1] + rate[2] / 40, rate[2] + (rate[0] + rate[1]) / 20]
    )
