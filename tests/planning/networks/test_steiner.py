"""The cheapest tree: a fixture with known best trees, brute force on small graphs, and its bound."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from kcity_geo.errors import StudyError
from kcity_geo.planning.networks.steiner import CostGraph, SteinerTree, cost_graph_of, steiner_tree


def lattice(side: int, rng: np.random.Generator, *, gone: float = 0.15) -> CostGraph:
    """A grid of streets with random costs, some of them missing."""
    number = np.arange(side * side).reshape(side, side)
    tail = np.r_[number[:, :-1].ravel(), number[:-1].ravel()]
    head = np.r_[number[:, 1:].ravel(), number[1:].ravel()]
    kept = rng.random(len(tail)) >= gone
    cost = rng.uniform(1.0, 2.0, len(tail))
    return cost_graph_of(side * side, tail[kept], head[kept], cost[kept])


def main_part(graph: CostGraph) -> np.ndarray:
    label = connected_components(graph.matrix())[1]
    return np.flatnonzero(label == np.argmax(np.bincount(label)))


def is_tree_over(graph: CostGraph, edges: np.ndarray, terminals: np.ndarray) -> bool:
    pairs = np.c_[graph.tail[edges], graph.head[edges]]
    places, at = np.unique(pairs, return_inverse=True)
    at = at.reshape(pairs.shape)
    joined = connected_components(
        cost_graph_of(len(places), at[:, 0], at[:, 1], graph.cost[edges]).matrix()
    )[0]
    return bool(joined == 1 and len(edges) == len(places) - 1 and np.isin(terminals, places).all())


def test_twelve_grids_with_nine_terminals_are_within_two_percent_of_the_best() -> None:
    ratios = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        graph = lattice(16, rng)
        terminals = rng.choice(main_part(graph), 9, replace=False)
        best = steiner_tree(graph, terminals)
        near = steiner_tree(graph, terminals, exact=False)
        assert best.proved
        assert is_tree_over(graph, best.edges, terminals)
        assert is_tree_over(graph, near.edges, terminals)
        assert near.bound <= best.cost + 1e-9 <= near.cost + 2e-9
        ratios.append(near.cost / best.cost)
    assert max(ratios) <= 1.02
    assert np.mean(ratios) <= 1.005


def test_exact_tree_equals_the_best_of_all_sets_of_junctions() -> None:
    for seed in range(6):
        rng = np.random.default_rng(100 + seed)
        graph = lattice(3, rng, gone=0.1)
        places = main_part(graph)
        terminals = rng.choice(places, 4, replace=False)
        others = np.setdiff1d(places, terminals)
        matrix, best = graph.matrix(), float(np.inf)
        for count in range(len(others) + 1):
            for chosen in itertools.combinations(others.tolist(), count):
                nodes = np.r_[terminals, np.array(chosen, dtype=int)]
                part = matrix[nodes][:, nodes]
                if connected_components(part)[0] == 1:
                    best = min(best, float(minimum_spanning_tree(part).sum()))
        assert steiner_tree(graph, terminals).cost == pytest.approx(best)


def test_ten_thousand_places_and_two_hundred_terminals_take_less_than_five_seconds() -> None:
    rng = np.random.default_rng(5)
    graph = lattice(100, rng)
    terminals = rng.choice(main_part(graph), 200, replace=False)
    steiner_tree(lattice(8, rng, gone=0.0), np.arange(14))  # compiled
    start = time.process_time()
    found = steiner_tree(graph, terminals)
    assert time.process_time() - start < 5
    assert is_tree_over(graph, found.edges, terminals)
    assert found.bound <= found.cost
    assert found.words.startswith("at most")


def test_what_no_way_leads_to_is_named() -> None:
    graph = cost_graph_of(4, np.array([0, 2]), np.array([1, 3]), np.array([1.0, 1.0]))
    found = steiner_tree(graph, np.array([0, 1, 3]))
    assert (found.edges.tolist(), found.unreached) == ([0], (3,))
    assert steiner_tree(graph, np.array([2])).cost == 0


def test_the_order_of_links_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    graph = lattice(10, rng)
    terminals = rng.choice(main_part(graph), 14, replace=False)
    order = rng.permutation(len(graph.cost))
    other = CostGraph(graph.n_nodes, graph.head[order], graph.tail[order], graph.cost[order])
    one, two = steiner_tree(graph, terminals), steiner_tree(other, terminals)
    assert one.cost == pytest.approx(two.cost)
    assert sorted(order[two.edges].tolist()) == one.edges.tolist()


@pytest.mark.parametrize(
    ("cost", "terminals", "told"),
    [(-1.0, [0], "must be above 0"), (1.0, [], "at least one"), (1.0, [9], "none of the 2 places")],
)
def test_bad_input_is_one_line(cost: float, terminals: list[int], told: str) -> None:
    with pytest.raises(StudyError, match=told):
        steiner_tree(
            cost_graph_of(2, np.array([0]), np.array([1]), np.array([cost])), np.array(terminals)
        )


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (100.0, "proved cheapest"),
        (100.01, "at most 0.1% above the cheapest"),
        (102.04, "at most 2.1% above the cheapest"),
    ],
)
def test_a_bound_in_words_is_rounded_up(cost, told) -> None:
    tree = SteinerTree(edges=np.array([0]), cost=cost, bound=100.0, proved=False)
    assert tree.words == told
