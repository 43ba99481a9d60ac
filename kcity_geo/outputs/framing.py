"""Framing: what a map shows first, where people live in a small part of the study area."""

from __future__ import annotations

__all__ = ["Box", "lived_in_part"]

#: Left, bottom, right, top.
Box = tuple[float, float, float, float]
_AROUND = 0.1  # of the longer side of where people live
_FAR_SMALLER = 0.25  # of the area of the whole


def lived_in_part(lived_in: Box | None, whole: Box) -> Box | None:
    """
    Choose the lived-in part of a study area, where it is far smaller than the whole.

    The boundary of a state on the coast holds its sea: drawn whole, its streets would be a dot.

    Parameters
    ----------
    lived_in : bounds of the cells where people live, metres; None where nobody is known to.
    whole : bounds of the study area, metres in the same CRS.

    Returns
    -------
    The part with some room around it, inside the whole; None where the whole is to be shown.

    Examples
    --------
    >>> lived_in_part((0, 90, 10, 100), (0, 0, 100, 100))
    (0, 89.0, 11.0, 100)
    >>> lived_in_part((0, 0, 90, 90), (0, 0, 100, 100)) is None
    True
    """
    if lived_in is None:
        return None
    left, bottom, right, top = lived_in
    room = _AROUND * max(right - left, top - bottom)
    part = (
        max(whole[0], left - room),
        max(whole[1], bottom - room),
        min(whole[2], right + room),
        min(whole[3], top + room),
    )
    return part if _area(part) < _FAR_SMALLER * _area(whole) else None


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
