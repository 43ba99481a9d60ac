"""Settlements that the edge of the study area cuts."""

from __future__ import annotations

import numpy as np

from kcity_geo.analysis.settlement.classes import urban_classes


def test_a_metropolis_cut_by_the_study_area_is_not_rural() -> None:
    people = np.full((3, 3), 9_000.0)  # 81,000 would do; here the area is cut to 4 of its cells
    people[2, :] = np.nan
    people[:, 2] = np.nan
    shut = urban_classes(people, cell_m=1000, origin=(0, 3000))
    open_ = urban_classes(people, cell_m=1000, origin=(0, 3000), open_edge=True)
    assert shut[0, 0] == 2
    assert open_[0, 0] == 3


def test_an_open_edge_changes_nothing_inside() -> None:
    people = np.zeros((7, 7))
    people[3, 3] = 4_000.0
    for open_edge in (False, True):
        classes = urban_classes(people, cell_m=1000, origin=(0, 7000), open_edge=open_edge)
        assert classes[3, 3] == 1
