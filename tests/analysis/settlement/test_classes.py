"""Degree of urbanisation on hand-made grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcity_geo.analysis.settlement.classes import urban_classes
from kcity_geo.errors import GridMismatchError, StudyError

# One letter a square kilometre: C 2,000 people, T 600, h 300, . nobody.
PEOPLE = {"C": 2000.0, "B": 12_500.0, "T": 600.0, "h": 300.0, ".": 0.0}


def grid_of(text: str) -> np.ndarray:
    return np.array([[PEOPLE[c] for c in row.strip()] for row in text.strip().splitlines()])


def classes(text: str) -> list[str]:
    people = grid_of(text)
    found = urban_classes(people, cell_m=1000, origin=(0, 1000 * len(people)))
    return ["".join("?rTC"[v] for v in row) for row in found]


def test_centre_needs_fifty_thousand_people_and_cluster_five_thousand():
    assert classes("BBBB..TTT") == ["CCCCrrrrr"]  # 50,000 exactly; 1,800 people are no town
    assert classes("BBBC.") == ["TTTTr"]  # 39,500: dense, but no centre
    assert classes("TTTTTTTTT") == ["TTTTTTTTT"]  # 5,400
    assert classes("TTTTTTTT.") == ["rrrrrrrrr"]  # 4,800
    assert classes("hhhhhhhhhhhhhhhhh")[0] == "T" * 17  # 300 a km2 is the boundary, and counts


def test_centres_join_by_sides_only_and_clusters_also_by_corners():
    corner = """
        BB...
        BB...
        ..BB.
        ..BB.
    """
    assert classes(corner) == ["CCrrr", "CCrrr", "rrCCr", "rrCCr"]
    apart = """
        BC...
        BC...
        ..BC.
        ..BC.
    """
    # 29,000 people each: no centre alone, and a corner does not join them; as clusters they are one.
    assert classes(apart) == ["TTrrr", "TTrrr", "rrTTr", "rrTTr"]
    thin = """
        TTTT.....
        ....TTTTT
    """
    assert classes(thin) == ["TTTTrrrrr", "rrrrTTTTT"]  # 2,400 and 3,000 people meet at a corner


def test_enclosed_gaps_below_fifteen_km2_are_filled_larger_and_open_ones_not():
    ring = np.full((6, 6), 12_500.0)
    ring[1:5, 1:4] = 0.0  # 12 km2
    found = urban_classes(ring, cell_m=1000, origin=(0, 6000))
    assert (found == 3).all()
    ring[1:5, 1:5] = 0.0  # 16 km2
    found = urban_classes(ring, cell_m=1000, origin=(0, 6000))
    assert (found[1:5, 1:5] == 1).all()
    bay = np.full((6, 6), 12_500.0)
    bay[0:3, 2:4] = 0.0
    assert (urban_classes(bay, cell_m=1000, origin=(0, 6000))[0:3, 2:4] == 1).all()


def test_small_cells_are_gathered_into_square_kilometres_of_the_crs_not_of_the_grid():
    people = np.zeros((20, 20))
    people[:10, :10] = 50.0  # 5,000 people in one square kilometre
    aligned = urban_classes(people, cell_m=100, origin=(3000, 8000))
    assert (aligned[:10, :10] == 2).all()
    assert (aligned[10:] == 1).all()
    # The same people half a kilometre off the lattice: two half-filled squares, still a town.
    shifted = urban_classes(people, cell_m=100, origin=(3500, 8000))
    assert (shifted[:10, :10] == 2).all()
    assert (shifted[:10, 10:15] == 2).all()


@given(east=st.integers(-50, 50), north=st.integers(-50, 50))
def test_moving_city_and_grid_by_whole_kilometres_changes_nothing(east, north):
    people = np.random.default_rng(3).gamma(0.3, 300, (30, 30))
    here = urban_classes(people, cell_m=250, origin=(2000, 9000))
    there = urban_classes(people, cell_m=250, origin=(2000 + 1000 * east, 9000 + 1000 * north))
    assert (here == there).all()


def test_smod_codes_win_and_unknown_ones_do_not():
    people = np.zeros((1, 6))
    smod = np.array([[30.0, 23, 21, 12, 10, np.nan]])
    found = urban_classes(people, cell_m=1000, origin=(0, 1000), smod=smod)
    assert found.tolist() == [[3, 2, 2, 1, 1, 1]]


def test_every_class_code_of_ghsl_is_known():
    # GHS-SMOD R2023A: 10 water, 11-13 rural, 21-23 urban cluster, 30 urban centre.
    smod = np.array([[10.0, 11, 12, 13, 21, 22, 23, 30]])
    found = urban_classes(np.ones((1, 8)), cell_m=1000, origin=(0, 1000), smod=smod)
    assert found.tolist() == [[1, 1, 1, 1, 2, 2, 2, 3]]


def test_unknown_population_gives_unknown_classes():
    found = urban_classes(np.full((2, 2), np.nan), cell_m=1000, origin=(0, 2000))
    assert (found == 0).all()


def test_bad_input_is_refused():
    with pytest.raises(StudyError, match="negative persons"):
        urban_classes(np.array([[-200.0]]), cell_m=1000, origin=(0, 0))
    with pytest.raises(StudyError, match="cell_m"):
        urban_classes(np.zeros((1, 1)), cell_m=0, origin=(0, 0))
    with pytest.raises(GridMismatchError, match="settlement"):
        urban_classes(np.zeros((1, 1)), cell_m=100, origin=(0, 0), smod=np.zeros((2, 2)))
