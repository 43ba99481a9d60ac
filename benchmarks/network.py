"""
Street graph engines beside networkx, igraph and pandana, in one run with the outputs compared first.

    python benchmarks/network.py [--sizes 10000 100000 1000000] [--repeat 3] [--pandana-up-to N]

A size is the number of nodes of a made-up city: a square lattice with a seventh of its streets
missing, a seventh one-way, bent corners and uneven lengths. Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import statistics
import sys
import time
import warnings

import geopandas as gpd
import numpy as np
import shapely

from kcity_geo.analysis.access import node_costs
from kcity_geo.analysis.network import StreetGraph, build_graph, to_networkx
from kcity_geo.analysis.reach import k_nearest, sums_within
from kcity_geo.analysis.snapping import Snapped

FACILITIES = 50
K = 5
CUTOFF_M = 1000.0
#: networkx needs minutes where the others need a second: beyond this it is left out.
SLOW_PEERS_UP_TO = 100_000


def made_up_city(size: int, seed: int = 1) -> gpd.GeoDataFrame:
    """A road layer with about `size` junctions."""
    side = int(np.sqrt(size))
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(side) * 100.0, np.arange(side) * 100.0)
    x, y = x + rng.uniform(-30, 30, x.shape), y + rng.uniform(-30, 30, y.shape)
    number = np.arange(side * side).reshape(side, side)
    start = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    end = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    keep = rng.random(len(start)) > 1 / 7
    start, end = start[keep], end[keep]
    place = np.column_stack([x.ravel(), y.ravel()])
    lines = shapely.linestrings(np.stack([place[start], place[end]], axis=1))
    return gpd.GeoDataFrame(
        {
            "osm_id": np.arange(len(start)) + 1,
            "node_ids": list(np.column_stack([start, end]) + 1),
            "highway": "residential",
            "oneway": np.where(rng.random(len(start)) < 1 / 7, "yes", ""),
        },
        geometry=lines,
        crs="EPSG:32633",
    )


def at_nodes(graph: StreetGraph, nodes: np.ndarray) -> Snapped:
    """Places exactly on nodes."""
    segment = np.zeros(graph.n_nodes, dtype=np.int64)
    share = np.zeros(graph.n_nodes)
    segment[graph.head], share[graph.head] = np.arange(graph.n_segments), 1.0
    segment[graph.tail], share[graph.tail] = np.arange(graph.n_segments), 0.0
    return Snapped(segment[nodes], share[nodes], np.zeros(len(nodes)))


def timed(run, repeat: int):
    """Median seconds, and the answer."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        answer = run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), answer


@contextlib.contextmanager
def silent():
    """Pandana prints from C: send it away."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


def agree(name: str, ours: np.ndarray, theirs: np.ndarray, *, rtol: float, atol: float) -> None:
    """Stop when the outputs differ: a fast wrong answer is not fast."""
    if not np.allclose(ours, theirs, rtol=rtol, atol=atol):
        worst = np.nanmax(np.abs(np.where(np.isfinite(ours), ours - theirs, 0)))
        raise SystemExit(f"{name} disagrees: up to {worst}")


def arcs(graph: StreetGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directed arcs: from, to, metres."""
    ok, back = np.isfinite(graph.minutes_forward), np.isfinite(graph.minutes_backward)
    return (
        np.concatenate([graph.tail[ok], graph.head[back]]).astype(np.int64),
        np.concatenate([graph.head[ok], graph.tail[back]]).astype(np.int64),
        np.concatenate([graph.length_m[ok], graph.length_m[back]]),
    )


def line(stage: str, tool: str, seconds: float, best: float, note: str = "") -> None:
    print(f"  {stage:28s} {tool:26s} {seconds:9.3f} s  x{seconds / best:8.1f}  {note}", flush=True)


def nearest_stage(graph: StreetGraph, facilities: np.ndarray, repeat: int) -> None:
    """Metres from every node to the nearest of 50 facilities."""
    import igraph
    import networkx as nx

    places = at_nodes(graph, facilities)
    graph.memory.clear()
    first, _ = timed(lambda: node_costs(graph, places, unit="metres"), 1)
    ours, answer = timed(lambda: node_costs(graph, places, unit="metres"), repeat)
    line("nearest facility", "kcity_geo (first, builds)", first, ours)
    line("nearest facility", "kcity_geo", ours, ours)
    u, v, metres = arcs(graph)
    start = time.perf_counter()
    other = igraph.Graph(n=graph.n_nodes + 1, directed=True)
    other.add_edges(
        np.column_stack(
            [
                np.concatenate([v, np.full(len(facilities), graph.n_nodes)]),
                np.concatenate([u, facilities]),
            ]
        )
    )
    weights = np.concatenate([metres, np.zeros(len(facilities))])
    build = time.perf_counter() - start
    seconds, found = timed(
        lambda: np.array(other.distances(source=[graph.n_nodes], weights=weights)[0][:-1]), repeat
    )
    agree("igraph", answer, found, rtol=1e-9, atol=1e-6)
    line("nearest facility", "igraph", seconds, ours, f"+ {build:.2f} s to build")
    if graph.n_nodes <= SLOW_PEERS_UP_TO:
        start = time.perf_counter()
        turned = to_networkx(graph).reverse(copy=False)
        build = time.perf_counter() - start
        ids = graph.node_osm.tolist()
        seeds = {ids[i] for i in facilities}
        seconds, lengths = timed(
            lambda: nx.multi_source_dijkstra_path_length(turned, seeds, weight="length"), 1
        )
        found = np.array([lengths.get(node, np.inf) for node in ids])
        agree("networkx", answer, found, rtol=1e-9, atol=1e-6)
        line("nearest facility", "networkx", seconds, ours, f"+ {build:.2f} s to build")


def many_stages(
    graph: StreetGraph, facilities: np.ndarray, repeat: int, *, pandana_too: bool
) -> None:
    """K nearest of many, and sums within a cutoff, of every node; pandana with preprocessing."""
    rng = np.random.default_rng(2)
    everyone = at_nodes(graph, np.arange(graph.n_nodes))
    places = at_nodes(graph, facilities)
    spots = np.sort(rng.choice(graph.n_nodes, max(graph.n_nodes // 20, 1), replace=False))
    weights = rng.integers(1, 100, len(spots)).astype(float)
    jobs = at_nodes(graph, spots)

    def nearest_k():
        return k_nearest(graph, everyone, places, k=K, unit="metres")[0]

    def sums():
        return sums_within(graph, everyone, jobs, weights, limits=(CUTOFF_M,), unit="metres")[:, 0]

    timed(nearest_k, 1)
    timed(sums, 1)
    ours_k, near = timed(nearest_k, repeat)
    ours_s, total = timed(sums, repeat)
    line("k nearest (5 of 50)", "kcity_geo", ours_k, ours_k)
    line("sums within 1,000 m", "kcity_geo", ours_s, ours_s)
    if not pandana_too:
        print("  pandana left out at this size, see --pandana-up-to")
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pandana
            import pandas as pd
    except ImportError:
        print("  pandana is not installed: left out")
        return
    u, v, metres = arcs(graph)
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        net = pandana.Network(
            pd.Series(graph.node_x),
            pd.Series(graph.node_y),
            pd.Series(u),
            pd.Series(v),
            pd.DataFrame({"m": metres}),
            twoway=False,
        )
        net.precompute(CUTOFF_M)
        build = time.perf_counter() - start
        far = 20_000.0
        net.set_pois("f", far, K, graph.node_x[facilities], graph.node_y[facilities])
        their_k, table = timed(lambda: net.nearest_pois(far, "f", num_pois=K).to_numpy(), repeat)
        net.set(pd.Series(spots), variable=pd.Series(weights), name="jobs")
        their_s, other = timed(
            lambda: net.aggregate(CUTOFF_M, type="sum", decay="flat", name="jobs").to_numpy(),
            repeat,
        )
    # pandana keeps millimetres and marks what is farther than the limit with the limit.
    inside = (near < far - 1) & (table < far - 1)
    agree("pandana k nearest", near[inside], table[inside], rtol=1e-5, atol=0.5)
    close = np.isclose(total, other, rtol=1e-6, atol=0.5).mean()
    if close < 0.999:  # sums differ where a place lies at the limit to the millimetre
        raise SystemExit(f"pandana sums disagree at {1 - close:.2%} of the nodes")
    whole = f"{build:.1f} s to build before"
    line("k nearest (5 of 50)", "pandana with building", their_k + build, ours_k, whole)
    line("k nearest (5 of 50)", "pandana without", their_k, ours_k)
    line("sums within 1,000 m", "pandana with building", their_s + build, ours_s, whole)
    line("sums within 1,000 m", "pandana without", their_s, ours_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--pandana-up-to", type=int, default=100_000, help="nodes")
    options = parser.parse_args()
    for size in options.sizes:
        roads = made_up_city(size)
        start = time.perf_counter()
        graph = build_graph(roads, mode="drive")
        built = time.perf_counter() - start
        del roads
        rng = np.random.default_rng(3)
        main_part = np.flatnonzero(graph.component == 0)
        facilities = np.sort(rng.choice(main_part, FACILITIES, replace=False))
        print(f"{graph.n_nodes:,} nodes, {graph.n_segments:,} segments, built in {built:.2f} s")
        nearest_stage(graph, facilities, options.repeat)
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"  memory so far {ours:.2f} GB (igraph and networkx included)", flush=True)
        pandana_too = size <= options.pandana_up_to
        many_stages(graph, facilities, options.repeat, pandana_too=pandana_too)


if __name__ == "__main__":
    main()
