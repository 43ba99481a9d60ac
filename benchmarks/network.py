"""
Street graph engines beside networkx, igraph and pandana, in one run with the outputs compared.

    python benchmarks/network.py [--sizes 10000 100000 1000000] [--repeat 3] [--limit-s 900]

A size is the number of nodes of a made-up city: a square lattice with a seventh of its streets
missing, a seventh one-way, bent corners and uneven lengths. Each tool works in a process of its
own, so that memory is its own; one that takes longer than the limit is stopped and reported so.
The limit lets pandana's preprocessing end at 10^5 nodes.
Read the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd

    from kcity_geo.analysis.network.graph import StreetGraph
    from kcity_geo.analysis.network.snapping import Snapped

FACILITIES = 50
K = 5
CUTOFF_M = 1000.0
#: How far pandana looks for the k nearest, and how many nodes the slow peers check.
FAR_M = 20_000.0
SAMPLE_SUMS, SAMPLE_K = 300, 4
#: Stages are repeated until this many seconds are spent.
SHORT_S = 5.0


def made_up_city(size: int, seed: int = 1) -> gpd.GeoDataFrame:
    """A road layer with about `size` junctions."""
    import geopandas as gpd
    import shapely

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
    from kcity_geo.analysis.network.snapping import Snapped

    segment = np.zeros(graph.n_nodes, dtype=np.int64)
    share = np.zeros(graph.n_nodes)
    segment[graph.head], share[graph.head] = np.arange(graph.n_segments), 1.0
    segment[graph.tail], share[graph.tail] = np.arange(graph.n_segments), 0.0
    return Snapped(segment[nodes], share[nodes], np.zeros(len(nodes)))


def once(run):
    """Seconds of one run, and the answer."""
    start = time.perf_counter()
    answer = run()
    return time.perf_counter() - start, answer


def timed(run, repeat: int):
    """Seconds of the quickest of `repeat` runs, of more when they are short; and the answer."""
    seconds = []
    while len(seconds) < repeat or (sum(seconds) < SHORT_S):
        start = time.perf_counter()
        answer = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), answer


def peak_gb() -> float:
    """Most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


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


def arcs(graph: StreetGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directed arcs: from, to, metres."""
    ok, back = np.isfinite(graph.minutes_forward), np.isfinite(graph.minutes_backward)
    return (
        np.concatenate([graph.tail[ok], graph.head[back]]).astype(np.int64),
        np.concatenate([graph.head[ok], graph.tail[back]]).astype(np.int64),
        np.concatenate([graph.length_m[ok], graph.length_m[back]]),
    )


def ours(size: int, repeat: int, folder: Path) -> dict[str, float]:
    """Build the graph and run the three engines; leaves graph and answers for the others."""
    from kcity_geo.analysis.network.access import node_costs
    from kcity_geo.analysis.network.graph import build_graph
    from kcity_geo.analysis.network.reach import k_nearest, sums_within

    roads = made_up_city(size)
    start = time.perf_counter()
    graph = build_graph(roads, mode="drive")
    told = {"build": time.perf_counter() - start, "build_gb": peak_gb()}
    del roads
    told |= {"nodes": graph.n_nodes, "segments": graph.n_segments}
    rng = np.random.default_rng(3)
    chosen = rng.choice(np.flatnonzero(graph.component == 0), FACILITIES, replace=False)
    facilities = np.sort(chosen)
    spots = np.sort(rng.choice(graph.n_nodes, max(graph.n_nodes // 20, 1), replace=False))
    weights = rng.integers(1, 100, len(spots)).astype(float)
    places, jobs = at_nodes(graph, facilities), at_nodes(graph, spots)
    everyone = at_nodes(graph, np.arange(graph.n_nodes))
    told["nearest_first"], _ = once(lambda: node_costs(graph, places, unit="metres"))
    told["nearest"], near = timed(lambda: node_costs(graph, places, unit="metres"), repeat)

    def nearest_k():
        return k_nearest(graph, everyone, places, k=K, unit="metres")[0]

    def sums():
        return sums_within(graph, everyone, jobs, weights, limits=(CUTOFF_M,), unit="metres")[:, 0]

    told["k_first"], _ = once(nearest_k)
    told["k"], near_k = timed(nearest_k, repeat)
    told["sums_first"], _ = once(sums)
    told["sums"], total = timed(sums, repeat)
    told["gb"] = peak_gb()
    u, v, metres = arcs(graph)
    np.savez(
        folder / "graph.npz",
        x=graph.node_x,
        y=graph.node_y,
        u=u,
        v=v,
        metres=metres,
        facilities=facilities,
        spots=spots,
        weights=weights,
    )
    np.savez(folder / "ours.npz", near=near, near_k=near_k, total=total)
    return told


def igraph_(repeat: int, folder: Path) -> dict[str, float]:
    """Nearest facility of every node; k nearest of a few."""
    import igraph

    g = np.load(folder / "graph.npz")
    n, facilities, metres = len(g["x"]), g["facilities"], g["metres"]
    start = time.perf_counter()
    other = igraph.Graph(n=n + 1, directed=True)
    # Turned round, and one more node with an arc to every facility.
    ends = np.concatenate([g["v"], np.full(len(facilities), n)])
    other.add_edges(np.column_stack([ends, np.concatenate([g["u"], facilities])]))
    weights = np.concatenate([metres, np.zeros(len(facilities))])
    told = {"build": time.perf_counter() - start}
    told["nearest"], near = timed(
        lambda: np.array(other.distances(source=[n], weights=weights)[0][:-1]), repeat
    )
    sample = np.random.default_rng(4).choice(n, SAMPLE_K, replace=False)
    found = other.distances(
        source=sample.tolist(), target=facilities.tolist(), weights=weights, mode="in"
    )
    near_k = np.sort(np.array(found), axis=1)[:, :K]
    np.savez(folder / "igraph.npz", near=near, sample_k=sample, near_k=near_k)
    return told | {"gb": peak_gb()}


def networkx_(_repeat: int, folder: Path) -> dict[str, float]:
    """Nearest facility of every node; sums of a few hundred."""
    import networkx as nx

    g = np.load(folder / "graph.npz")
    n = len(g["x"])
    start = time.perf_counter()
    turned = nx.DiGraph()
    turned.add_nodes_from(range(n))
    # The shorter of two parallel streets: it comes last.
    order = np.argsort(-g["metres"], kind="stable")
    rows = (g["v"][order].tolist(), g["u"][order].tolist(), g["metres"][order].tolist())
    turned.add_weighted_edges_from(zip(*rows, strict=True))
    told = {"build": time.perf_counter() - start}
    seeds = set(g["facilities"].tolist())
    told["nearest"], lengths = timed(lambda: nx.multi_source_dijkstra_path_length(turned, seeds), 1)
    near = np.array([lengths.get(node, np.inf) for node in range(n)])
    weight = np.zeros(n)
    weight[g["spots"]] = g["weights"]
    sample = np.random.default_rng(5).choice(n, SAMPLE_SUMS, replace=False)
    ahead = turned.reverse(copy=False)
    start = time.perf_counter()
    total = [
        weight[list(nx.single_source_dijkstra_path_length(ahead, node, cutoff=CUTOFF_M))].sum()
        for node in sample.tolist()
    ]
    told["sums"] = (time.perf_counter() - start) / SAMPLE_SUMS * n
    np.savez(folder / "networkx.npz", near=near, sample_sums=sample, total=np.array(total))
    return told | {"gb": peak_gb()}


def pandana_(repeat: int, folder: Path) -> dict[str, float]:
    """K nearest and sums of every node, after its preprocessing."""
    with silent(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandana
        import pandas as pd

        g = np.load(folder / "graph.npz")
        start = time.perf_counter()
        net = pandana.Network(
            *(pd.Series(g[name]) for name in ("x", "y", "u", "v")),
            pd.DataFrame({"m": g["metres"]}),
            twoway=False,
        )
        told = {"build": time.perf_counter() - start}
        start = time.perf_counter()
        net.precompute(CUTOFF_M)
        told["ranges"] = time.perf_counter() - start
        spots = g["facilities"]
        net.set_pois("f", FAR_M, K, g["x"][spots], g["y"][spots])
        told["k"], table = timed(
            lambda: net.nearest_pois(FAR_M, "f", num_pois=K).to_numpy(), repeat
        )
        net.set(pd.Series(g["spots"]), variable=pd.Series(g["weights"]), name="jobs")
        told["sums"], total = timed(
            lambda: net.aggregate(CUTOFF_M, type="sum", decay="flat", name="jobs").to_numpy(),
            repeat,
        )
    np.savez(folder / "pandana.npz", near_k=table, total=total)
    return told | {"gb": peak_gb()}


PARTS = {"igraph": igraph_, "networkx": networkx_, "pandana": pandana_}


def in_its_own_process(
    part: str, options: argparse.Namespace, size: int, folder: Path, *, limit_s: float | None
) -> dict[str, float] | None:
    """What a part told; None when it took too long."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    command += ["--sizes", str(size), "--repeat", str(options.repeat)]
    try:
        done = subprocess.run(command, check=False, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(f"{part} ended with code {done.returncode}")
    return json.loads((folder / f"{part}.json").read_text())


def agree(name: str, ours: np.ndarray, theirs: np.ndarray, *, rtol: float, atol: float) -> None:
    """Stop when the outputs differ: a fast wrong answer is not fast."""
    if not np.allclose(ours, theirs, rtol=rtol, atol=atol):
        worst = np.nanmax(np.abs(np.where(np.isfinite(ours), ours - theirs, 0)))
        raise SystemExit(f"{name} disagrees: up to {worst}")


def compared(part: str, folder: Path) -> None:
    """Compare what a part found with ours."""
    mine, found = np.load(folder / "ours.npz"), np.load(folder / f"{part}.npz")
    if "near" in found:
        agree(f"{part} nearest", mine["near"], found["near"], rtol=1e-9, atol=1e-6)
    if "sample_k" in found:
        near_k = mine["near_k"][found["sample_k"]]
        agree(f"{part} k nearest", near_k, found["near_k"], rtol=1e-9, atol=1e-6)
    if "sample_sums" in found:
        total = mine["total"][found["sample_sums"]]
        agree(f"{part} sums", total, found["total"], rtol=1e-9, atol=1e-6)
    if part == "pandana":
        # It keeps millimetres, and marks what is farther than the limit with the limit.
        near, table = mine["near_k"], found["near_k"]
        inside = (near < FAR_M - 1) & (table < FAR_M - 1)
        agree("pandana k nearest", near[inside], table[inside], rtol=1e-5, atol=0.5)
        close = np.isclose(mine["total"], found["total"], rtol=1e-6, atol=0.5).mean()
        if close < 0.999:  # sums differ where a place lies at the limit to the millimetre
            raise SystemExit(f"pandana sums disagree at {1 - close:.2%} of the nodes")


def line(stage: str, tool: str, seconds: float, best: float, note: str = "") -> None:
    print(f"  {stage:22s} {tool:26s} {seconds:10.3f} s  x{seconds / best:9.2f}  {note}", flush=True)


def one_size(size: int, options: argparse.Namespace, folder: Path) -> None:
    """Run all tools at one size, compare and print."""
    told = in_its_own_process("ours", options, size, folder, limit_s=None)
    print(
        f"{told['nodes']:,} nodes, {told['segments']:,} segments, built in {told['build']:.2f} s; "
        f"peak memory {told['build_gb']:.2f} GB when built, {told['gb']:.2f} GB in all",
        flush=True,
    )
    line("nearest of 50", "kcity_geo, first time", told["nearest_first"], told["nearest"])
    line("nearest of 50", "kcity_geo", told["nearest"], told["nearest"])
    line("5 nearest of 50", "kcity_geo", told["k"], told["k"])
    line("sums within 1,000 m", "kcity_geo", told["sums"], told["sums"])
    names = {"nearest": "nearest of 50", "k": "5 nearest of 50", "sums": "sums within 1,000 m"}
    for part in options.tools:
        try:
            other = in_its_own_process(part, options, size, folder, limit_s=options.limit_s)
        except SystemExit as error:
            if "code 3" not in str(error):
                raise
            print(f"  {part} is not installed: left out")
            continue
        if other is None:
            print(f"  {part}: not ready after {options.limit_s:g} s, stopped; not compared")
            for stage in ("k", "sums") if part == "pandana" else ("nearest",):
                line(names[stage], f"{part}, more than", options.limit_s, told[stage])
            continue
        compared(part, folder)
        build = other["build"]
        for stage, name in names.items():
            if stage not in other:
                continue
            if part == "pandana":
                whole = build + (other["ranges"] if stage == "sums" else 0.0)
                note = f"{build:.1f} s + {other['ranges']:.1f} s for ranges"
                line(name, "pandana with preprocessing", other[stage] + whole, told[stage], note)
                line(name, "pandana after it", other[stage], told[stage])
            elif stage == "sums":
                note = f"projected from {SAMPLE_SUMS} nodes"
                line(name, part, other[stage], told[stage], note)
            else:
                line(name, part, other[stage], told[stage], f"+ {build:.2f} s to build")
        print(f"  {part} agrees; its peak memory {other['gb']:.2f} GB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tools", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--limit-s", type=float, default=900.0, help="seconds for one other tool")
    parser.add_argument("--part", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        try:
            if options.part == "ours":
                told = ours(options.sizes[0], options.repeat, options.folder)
            else:
                told = PARTS[options.part](options.repeat, options.folder)
        except ImportError:
            raise SystemExit(3) from None
        (options.folder / f"{options.part}.json").write_text(json.dumps(told))
        return
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            one_size(size, options, Path(folder))


if __name__ == "__main__":
    main()
