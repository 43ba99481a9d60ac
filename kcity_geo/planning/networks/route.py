"""Route: a network as a tree that hangs on the place where it exists already."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kcity_geo.errors import StudyError

__all__ = ["Route", "route_of"]


@dataclass(frozen=True, eq=False)
class Route:
    """
    Places of a network; each but the first hangs on one that stands before it.

    Parameters
    ----------
    x, y, z : shape (n,), metres; the first is where the network exists.
    parent : shape (n,), number of the place that each hangs on; -1 for the first.
    length_m : shape (n,), of the link to the parent; 0 for the first.
    outside : shape (n,), whether that link lies outside the site.
    load : shape (n,), share of the demand of the site at each place; adds to 1.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    parent: NDArray[np.int64]
    length_m: NDArray[np.float64]
    outside: NDArray[np.bool_]
    load: NDArray[np.float64]

    def __len__(self) -> int:
        """Count the places."""
        return len(self.parent)

    @cached_property
    def carried(self) -> NDArray[np.float64]:
        """Share of the demand that each link carries, shape (n,); of the first: all of it."""
        total = self.load.copy()
        for at in range(len(self) - 1, 0, -1):
            total[self.parent[at]] += total[at]
        return total

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Places that hang on each."""
        found: list[list[int]] = [[] for _ in range(len(self))]
        for at in range(1, len(self)):
            found[self.parent[at]].append(at)
        return tuple(tuple(one) for one in found)


def route_of(
    places: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    pairs: NDArray[np.int64],
    length_m: NDArray[np.float64],
    *,
    root: int,
    load: NDArray[np.float64],
    outside: NDArray[np.bool_] | None = None,
) -> Route:
    """
    Hang a tree on one of its places.

    Parameters
    ----------
    places : x, y and z of all places, metres.
    pairs : shape (links, 2), places at the ends of each link of the tree.
    length_m : shape (links,).
    root : where the network exists.
    load : of all places; those off the tree have none.
    outside : shape (links,), links outside the site; None: all lie inside.

    Returns
    -------
    The route; places nearer to the root (in links) come first, equal ones by number.

    Raises
    ------
    StudyError
        If the links are no tree on the root, or load lies off the tree.

    Examples
    --------
    >>> x = np.array([0.0, 100.0, 100.0])
    >>> found = route_of((x, x * 0, x * 0), np.array([[2, 1], [1, 0]]), np.array([50.0, 100.0]),
    ...                  root=0, load=np.array([0.0, 0.5, 0.5]))
    >>> found.parent.tolist(), found.carried.tolist()
    ([-1, 0, 1], [1.0, 1.0, 0.5])
    """
    off = np.zeros(len(pairs), dtype=bool) if outside is None else outside
    near: dict[int, list[tuple[int, int]]] = {root: []}
    for link, (a, b) in enumerate(pairs.tolist()):
        near.setdefault(a, []).append((b, link))
        near.setdefault(b, []).append((a, link))
    order, parent, by = [root], [-1], [-1]
    number = {root: 0}
    for at in order:
        for other, link in sorted(near[at]):
            if other not in number:
                number[other] = len(order)
                order.append(other)
                parent.append(number[at])
                by.append(link)
    chosen = np.array(order, dtype=np.int64)
    if len(order) != len(pairs) + 1 or len(order) != len(near):
        raise StudyError(f"network: {len(pairs)} links over {len(near)} places are no tree")
    share = load[chosen]
    if not np.isclose(share.sum(), load.sum()):
        raise StudyError("network: some of the demand lies where no link leads")
    links = np.array(by[1:], dtype=np.int64)
    total = share.sum()
    return Route(
        x=places[0][chosen],
        y=places[1][chosen],
        z=places[2][chosen],
        parent=np.array(parent, dtype=np.int64),
        length_m=np.r_[0.0, length_m[links]],
        outside=np.r_[False, off[links]],
        load=share / total if total > 0 else share,
    )
