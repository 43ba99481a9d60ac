"""
Compiled loops over the arcs of a street graph: bounded searches from many places.

Import this module only inside functions: numba takes a second to load. Compiled code is cached on
disk, and lets go of the interpreter, so that threads share the work. Knows arrays only;
`kcity_geo.analysis.network.reach` gives them meaning.
"""

# ruff: noqa: PLR0913, PLR0917, SIM110 - kernels take arrays, not objects
# What these functions take, unless told otherwise:
#   indptr, target, cost   arcs by start node, in the direction of the search
#   tail, head   shape (2, m): where one gets to from each end of a segment, and enters it from
#   ahead, back   cost from tail to head and back in the search
#   seg, share, extra   of a place: segment (-1: none), 0 at its tail to 1 at its head, cost to reach

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kcity_geo.compiling import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

__all__ = [
    "cost_table",
    "cutoff_sums",
    "k_labels",
    "k_nearest_places",
    "nearest_costs",
    "pairs_within",
]


@compiled
def _push(keys: Floats, items: Shorts, size: int, key: float, item: int) -> int:
    """Put an item on the heap; there must be room."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if keys[parent] <= key:
            break
        keys[i] = keys[parent]
        items[i] = items[parent]
        i = parent
    keys[i] = key
    items[i] = item
    return size + 1


@compiled
def _sink(keys: Floats, items: Shorts, size: int) -> int:
    """Take the first item off the heap; the caller has read it."""
    size -= 1
    key, item = keys[size], items[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[i] = keys[child]
        items[i] = items[child]
        i = child
    keys[i] = key
    items[i] = item
    return size


@compiled
def _grown(keys: Floats, items: Shorts) -> tuple[Floats, Shorts]:
    more_keys = np.empty(2 * len(keys), keys.dtype)
    more_items = np.empty(2 * len(items), items.dtype)
    more_keys[: len(keys)] = keys
    more_items[: len(items)] = items
    return more_keys, more_items


@compiled
def _search(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    starts: Shorts,
    start_costs: Floats,
    limit: float,
    dist: Floats,
    touched: Shorts,
    keys: Floats,
    items: Shorts,
) -> tuple[int, Floats, Shorts]:
    """
    Dijkstra from a few nodes up to a limit.

    Fills `dist` for the nodes listed in `touched`; all of it must be inf before. Returns how many
    were touched, and the heap, which may have grown.
    """
    size, seen = 0, 0
    for i in range(len(starts)):
        node, first = starts[i], start_costs[i]
        if first <= limit and first < dist[node]:
            if dist[node] == np.inf:
                touched[seen] = node
                seen += 1
            dist[node] = first
            size = _push(keys, items, size, first, node)
    while size > 0:
        key, node = keys[0], items[0]
        size = _sink(keys, items, size)
        if key > dist[node]:
            continue
        for arc in range(indptr[node], indptr[node + 1]):
            there = target[arc]
            new = key + cost[arc]
            if new <= limit and new < dist[there]:
                if dist[there] == np.inf:
                    touched[seen] = there
                    seen += 1
                dist[there] = new
                if size == len(keys):
                    keys, items = _grown(keys, items)
                size = _push(keys, items, size, new, there)
    return seen, keys, items


@compiled
def nearest_costs(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    starts: Shorts,
    start_costs: Floats,
    limit: float,
    width: float,
    n_buckets: int,
) -> Floats:
    """
    Cost from the nearest start to every node, up to a limit; inf beyond.

    Nodes wait in a ring of buckets of `width`, and within a bucket in no order: a node that a
    shorter way reaches later is taken again, so costs are those of Dijkstra to the last bit. The
    ring must span the longest arc and the spread of the start costs.
    """
    n = len(indptr) - 1
    dist, done = np.full(n, np.inf), np.full(n, np.inf)
    first = np.full(n_buckets, -1, np.int32)
    room = 2 * n + len(starts) + 16
    node, after = np.empty(room, np.int32), np.empty(room, np.int32)
    used, free, waiting = 0, -1, 0
    per_width = 1.0 / width
    lowest = np.inf
    for i in range(len(starts)):
        if start_costs[i] <= limit and start_costs[i] < dist[starts[i]]:
            dist[starts[i]] = start_costs[i]
            lowest = min(lowest, start_costs[i])
            bucket = int(start_costs[i] * per_width) % n_buckets
            node[used], after[used] = starts[i], first[bucket]
            first[bucket] = used
            used += 1
            waiting += 1
    if waiting == 0:
        return dist
    at = int(lowest * per_width)
    while waiting > 0:
        bucket = at % n_buckets
        while first[bucket] >= 0:
            entry = first[bucket]
            first[bucket] = after[entry]
            here = node[entry]
            after[entry] = free
            free = entry
            waiting -= 1
            if dist[here] >= done[here]:
                continue
            done[here] = dist[here]
            for arc in range(indptr[here], indptr[here + 1]):
                there = target[arc]
                new = dist[here] + cost[arc]
                if new > limit or new >= dist[there]:
                    continue
                dist[there] = new
                if free >= 0:
                    entry = free
                    free = after[entry]
                else:
                    if used == len(node):
                        node = np.concatenate((node, np.empty(len(node), np.int32)))
                        after = np.concatenate((after, np.empty(len(after), np.int32)))
                    entry = used
                    used += 1
                later = int(new * per_width) % n_buckets
                node[entry], after[entry] = there, first[later]
                first[later] = entry
                waiting += 1
        at += 1
    return dist


@compiled
def _part(share: float, whole: float) -> float:
    """Cost of a part of a segment; no part at all costs nothing even where none may travel."""
    return 0.0 if share <= 0.0 else share * whole


@compiled
def _reached(
    place_share: float,
    segment: int,
    tail: Shorts,
    head: Shorts,
    ahead: Floats,
    back: Floats,
    dist: Floats,
) -> float:
    """Cost of a place on a segment, by either end."""
    by_tail: float = dist[tail[1, segment]] + _part(place_share, ahead[segment])
    by_head: float = dist[head[1, segment]] + _part(1.0 - place_share, back[segment])
    return min(by_tail, by_head)


@compiled
def _direct(first: float, second: float, segment: int, ahead: Floats, back: Floats) -> float:
    """Cost between two places on one segment without leaving it."""
    if second >= first:
        return _part(second - first, ahead[segment])
    return _part(first - second, back[segment])


@compiled
def cutoff_sums(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    tail: Shorts,
    head: Shorts,
    ahead: Floats,
    back: Floats,
    links: tuple[Shorts, Shorts],
    origins: tuple[Ints, Floats, Floats],
    places: tuple[Ints, Floats, Floats, Floats],
    limits: Floats,
) -> Floats:
    """
    Sum the weights of the places within each limit of each origin, kind by kind.

    `links`: segments at each node (start of each list, segments). `places`: start of the list of
    each segment, share, extra, weight of each kind (places, kinds), ordered by segment. `limits` ascending.
    """
    n = len(indptr) - 1
    seg, share, extra = origins
    first, place_share, place_extra, weight = places
    link_start, link_segment = links
    result = np.zeros((len(seg), len(limits), weight.shape[1]))
    dist = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    keys, items = np.empty(1024, np.float64), np.empty(1024, np.int32)
    starts, start_costs = np.empty(2, np.int32), np.empty(2, np.float64)
    last = limits[-1]
    for o in range(len(seg)):
        s = seg[o]
        if s < 0 or extra[o] > last:
            continue
        starts[0], starts[1] = tail[0, s], head[0, s]
        start_costs[0] = extra[o] + _part(share[o], back[s])
        start_costs[1] = extra[o] + _part(1.0 - share[o], ahead[s])
        seen, keys, items = _search(
            indptr, target, cost, starts, start_costs, last, dist, touched, keys, items
        )
        for p in range(first[s], first[s + 1]):
            c = extra[o] + _direct(share[o], place_share[p], s, ahead, back)
            c = min(c, _reached(place_share[p], s, tail, head, ahead, back, dist))
            _add(result[o], limits, c + place_extra[p], weight[p])
        for t in range(seen):
            node = touched[t]
            for k in range(link_start[node], link_start[node + 1]):
                q = link_segment[k]
                if q == s or first[q] == first[q + 1]:
                    continue
                # A segment is looked at from its tail, or from its head if the tail is not reached.
                if tail[1, q] != node and dist[tail[1, q]] < np.inf:
                    continue
                for p in range(first[q], first[q + 1]):
                    c = _reached(place_share[p], q, tail, head, ahead, back, dist)
                    _add(result[o], limits, c + place_extra[p], weight[p])
        for t in range(seen):
            dist[touched[t]] = np.inf
    return result


@compiled
def _add(sums: Floats, limits: Floats, cost: float, weight: Floats) -> None:
    for k in range(len(limits) - 1, -1, -1):
        if cost > limits[k]:
            break
        for kind in range(len(weight)):
            sums[k, kind] += weight[kind]


@compiled
def cost_table(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    tail: Shorts,
    head: Shorts,
    ahead: Floats,
    back: Floats,
    origins: tuple[Ints, Floats, Floats],
    places: tuple[Ints, Floats, Floats],
    limit: float,
    ring: tuple[float, int],
) -> Floats:
    """
    Cost from each origin to each place; inf: none within the limit.

    `ring`: width and number of the buckets of `nearest_costs`, which takes half the time of a heap where most
    nodes are reached; no buckets: a heap, for that is quicker where few are.
    """
    n = len(indptr) - 1
    width, n_buckets = ring
    seg, share, extra = origins
    place_seg, place_share, place_extra = places
    result = np.full((len(seg), len(place_seg)), np.inf)
    dist = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    keys, items = np.empty(1024, np.float64), np.empty(1024, np.int32)
    starts, start_costs = np.empty(2, np.int32), np.empty(2, np.float64)
    for o in range(len(seg)):
        s = seg[o]
        if s < 0:
            continue
        starts[0], starts[1] = tail[0, s], head[0, s]
        start_costs[0] = extra[o] + _part(share[o], back[s])
        start_costs[1] = extra[o] + _part(1.0 - share[o], ahead[s])
        if n_buckets > 0:
            seen = 0
            dist = nearest_costs(indptr, target, cost, starts, start_costs, limit, width, n_buckets)
        else:
            seen, keys, items = _search(
                indptr, target, cost, starts, start_costs, limit, dist, touched, keys, items
            )
        for p in range(len(place_seg)):
            q = place_seg[p]
            if q < 0:
                continue
            c = _reached(place_share[p], q, tail, head, ahead, back, dist)
            if q == s:
                c = min(c, extra[o] + _direct(share[o], place_share[p], s, ahead, back))
            c += place_extra[p]
            if c <= limit:
                result[o, p] = c
        for t in range(seen):
            dist[touched[t]] = np.inf
    return result


@compiled
def pairs_within(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    tail: Shorts,
    head: Shorts,
    ahead: Floats,
    back: Floats,
    links: tuple[Shorts, Shorts],
    origins: tuple[Ints, Floats, Floats],
    places: tuple[Ints, Floats, Floats],
    limit: float,
) -> tuple[Ints, Ints, Floats]:
    """
    List origin, place and cost of all pairs within a limit.

    `places`: start of the list of each segment, share, extra, ordered by segment.
    """
    n = len(indptr) - 1
    seg, share, extra = origins
    first, place_share, place_extra = places
    link_start, link_segment = links
    room, used = 1024, 0
    one, two, three = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.float64)
    dist = np.full(n, np.inf)
    touched = np.empty(n, np.int32)
    keys, items = np.empty(1024, np.float64), np.empty(1024, np.int32)
    starts, start_costs = np.empty(2, np.int32), np.empty(2, np.float64)
    mark = np.full(tail.shape[1], -1, np.int64)
    for o in range(len(seg)):
        s = seg[o]
        if s < 0 or extra[o] > limit:
            continue
        starts[0], starts[1] = tail[0, s], head[0, s]
        start_costs[0] = extra[o] + _part(share[o], back[s])
        start_costs[1] = extra[o] + _part(1.0 - share[o], ahead[s])
        seen, keys, items = _search(
            indptr, target, cost, starts, start_costs, limit, dist, touched, keys, items
        )
        for t in range(-1, seen):
            low = 0 if t < 0 else link_start[touched[t]]
            high = 1 if t < 0 else link_start[touched[t] + 1]
            for k in range(low, high):
                q = s if t < 0 else link_segment[k]
                if mark[q] == o:
                    continue
                mark[q] = o
                for p in range(first[q], first[q + 1]):
                    c = _reached(place_share[p], q, tail, head, ahead, back, dist)
                    if q == s:
                        c = min(c, extra[o] + _direct(share[o], place_share[p], s, ahead, back))
                    c += place_extra[p]
                    if c > limit:
                        continue
                    if used == room:
                        room *= 2
                        one = np.concatenate((one, np.empty(used, np.int64)))
                        two = np.concatenate((two, np.empty(used, np.int64)))
                        three = np.concatenate((three, np.empty(used, np.float64)))
                    one[used], two[used], three[used] = o, p, c
                    used += 1
        for t in range(seen):
            dist[touched[t]] = np.inf
    return one[:used], two[:used], three[:used]


@compiled
def k_labels(
    indptr: Shorts,
    target: Shorts,
    cost: Floats,
    starts: Shorts,
    start_costs: Floats,
    start_places: Shorts,
    k: int,
    limit: float,
) -> tuple[Floats, Shorts]:
    """
    Search from all places at once; every node is reached by its k nearest.

    The arcs run from the places outward. Returns cost and place, shape (n, k), nearest first; inf
    and -1 where there are fewer.
    """
    n = len(indptr) - 1
    costs = np.full((n, k), np.inf)
    found = np.full((n, k), -1, np.int32)
    count = np.zeros(n, np.int32)
    room = max(1024, len(starts))
    keys, items = np.empty(room, np.float64), np.empty(room, np.int32)
    # What a heap entry stands for: node and place, in slots that are used again.
    slot_node, slot_place = np.empty(room, np.int32), np.empty(room, np.int32)
    free = np.arange(room - 1, -1, -1).astype(np.int32)
    n_free = room
    size = 0
    for i in range(len(starts)):
        if start_costs[i] <= limit:
            n_free -= 1
            slot = free[n_free]
            slot_node[slot], slot_place[slot] = starts[i], start_places[i]
            size = _push(keys, items, size, start_costs[i], slot)
    while size > 0:
        key, slot = keys[0], items[0]
        size = _sink(keys, items, size)
        node, place = slot_node[slot], slot_place[slot]
        free[n_free] = slot
        n_free += 1
        c = count[node]
        if c == k or _known(found[node], c, place):
            continue
        costs[node, c], found[node, c] = key, place
        count[node] = c + 1
        for arc in range(indptr[node], indptr[node + 1]):
            there = target[arc]
            new = key + cost[arc]
            if new > limit or count[there] == k or _known(found[there], count[there], place):
                continue
            if n_free == 0:
                slot_node = np.concatenate((slot_node, np.empty(room, np.int32)))
                slot_place = np.concatenate((slot_place, np.empty(room, np.int32)))
                keys, items = _grown(keys, items)
                free = np.empty(2 * room, np.int32)
                for j in range(room):
                    free[j] = 2 * room - 1 - j
                n_free = room
                room *= 2
            n_free -= 1
            slot = free[n_free]
            slot_node[slot], slot_place[slot] = there, place
            size = _push(keys, items, size, new, slot)
    return costs, found


@compiled
def _known(found: Shorts, count: int, place: int) -> bool:
    for j in range(count):
        if found[j] == place:
            return True
    return False


@compiled
def k_nearest_places(
    costs: Floats,
    found: Shorts,
    tail: Shorts,
    head: Shorts,
    ahead: Floats,
    back: Floats,
    origins: tuple[Ints, Floats, Floats],
    places: tuple[Ints, Floats, Floats, Ints],
    k: int,
    limit: float,
) -> tuple[Floats, Shorts]:
    """
    Put what the two ends of its segment know, and its own segment, together for each origin.

    `ahead` and `back` are the costs from the origin. `places`: start of the list of each segment,
    share, extra, number of the place, ordered by segment.
    """
    seg, share, extra = origins
    first, place_share, place_extra, number = places
    best = np.full((len(seg), k), np.inf)
    who = np.full((len(seg), k), -1, np.int32)
    for o in range(len(seg)):
        s = seg[o]
        if s < 0:
            continue
        for p in range(first[s], first[s + 1]):
            c = _direct(share[o], place_share[p], s, ahead, back) + place_extra[p]
            _insert(best[o], who[o], c + extra[o], number[p], limit)
        one, two = tail[0, s], head[0, s]
        to_tail = extra[o] + _part(share[o], back[s])
        to_head = extra[o] + _part(1.0 - share[o], ahead[s])
        for j in range(k):
            if found[one, j] >= 0:
                _insert(best[o], who[o], costs[one, j] + to_tail, found[one, j], limit)
            if found[two, j] >= 0:
                _insert(best[o], who[o], costs[two, j] + to_head, found[two, j], limit)
    return best, who


@compiled
def _insert(best: Floats, who: Shorts, cost: float, place: int, limit: float) -> None:
    """Keep the list sorted, each place once at its lowest cost; ties by number."""
    k = len(best)
    if not cost <= limit or cost == np.inf:
        return
    at = k
    for j in range(k):
        if who[j] == place:
            if best[j] <= cost:
                return
            for m in range(j, k - 1):
                best[m], who[m] = best[m + 1], who[m + 1]
            best[k - 1], who[k - 1] = np.inf, -1
            break
    for j in range(k):
        if cost < best[j] or (cost == best[j] and (who[j] < 0 or place < who[j])):
            at = j
            break
    if at == k:
        return
    for m in range(k - 1, at, -1):
        best[m], who[m] = best[m - 1], who[m - 1]
    best[at], who[at] = cost, place
