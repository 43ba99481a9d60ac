"""Draw the small pictures of the transport pages: ``python docs/figures.py`` writes docs/figures/t*.png."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

OUT = Path(__file__).parent / "figures"
STREET, STOP, GOOD, BAD = "#9aa5b1", "#c0392b", "#2e86ab", "#e67e22"


def canvas(title, size=(5.2, 3.4)):
    figure, axes = plt.subplots(figsize=size, dpi=80)
    axes.set_title(title, fontsize=9)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure, axes


def grid(axes, low, high, step=100):
    for at in range(low, high + 1, step):
        axes.plot([at, at], [low, high], color=STREET, lw=1, zorder=1)
        axes.plot([low, high], [at, at], color=STREET, lw=1, zorder=1)


def save(figure, name):
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / f"{name}.png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def t1():
    figure, axes = canvas("500 m along the streets is a diamond (blue), not a disc (dashed)")
    grid(axes, -600, 600)
    axes.fill([500, 0, -500, 0], [0, 500, 0, -500], color=GOOD, alpha=0.35)
    axes.add_patch(plt.Circle((0, 0), 500, fill=False, ls="--", color=BAD))
    axes.plot(0, 0, "o", color=STOP)
    save(figure, "t1")


def t2():
    figure, axes = canvas("People within 1 km of a station, as the crow flies")
    rng = np.random.default_rng(1)
    people = rng.normal(0, 1100, (400, 2))
    stations = np.array([[-900, -300], [0, 0], [1000, 400]])
    near = (np.hypot(*(people[:, None] - stations).transpose(2, 0, 1)) <= 1000).any(axis=1)  # noqa: PLR2004 - metres
    axes.plot(*stations.T, "-", color="#333", lw=2)
    for station in stations:
        axes.add_patch(plt.Circle(station, 1000, color=GOOD, alpha=0.12))
    axes.plot(*people[near].T, ".", color=GOOD, ms=3)
    axes.plot(*people[~near].T, ".", color=BAD, ms=3)
    axes.plot(*stations.T, "s", color=STOP)
    save(figure, "t2")


def t3():
    figure, axes = canvas("2 km on either side of an all-season road; the dirt road does not count")
    axes.axhspan(-2000, 2000, color=GOOD, alpha=0.2)
    axes.plot([0, 9000], [0, 0], color="#333", lw=3)
    axes.plot([2000, 2000, 7000], [0, 3500, 4300], color="#8d6e63", lw=2, ls=":")
    axes.plot([1500, 6500, 4000], [1500, 3800, -1200], "o", color=STOP, ms=5)
    save(figure, "t3")


def t4():
    figure, axes = canvas("20 km of street per km2: a grid of 100 m")
    grid(axes, 0, 1000)
    save(figure, "t4")


def t5():
    figure, axes = canvas("A divided road: two nodes, one intersection; a gap in the median: none")
    for y in (0, 20):
        axes.plot([0, 400], [y, y], color=STREET, lw=3)
    axes.plot([120, 120], [-80, 100], color=STREET, lw=3)
    axes.plot([300, 300], [0, 20], color=STREET, lw=3)
    axes.plot([120, 120, 300, 300], [0, 20, 0, 20], "o", color="#555", ms=4)
    axes.add_patch(plt.Circle((120, 10), 28, fill=False, color=STOP, lw=2))
    save(figure, "t5")


def t6():
    figure, axes = canvas("Where streets cross, the ground counts once")
    for at in (0, 100, 200):
        axes.add_patch(plt.Rectangle((-30, at - 8), 260, 16, color=GOOD, alpha=0.5, lw=0))
        axes.add_patch(plt.Rectangle((at - 8, -30), 16, 260, color=GOOD, alpha=0.5, lw=0))
    axes.autoscale_view()
    save(figure, "t6")


def t7():
    figure, axes = canvas("Street length against the straight line between its ends")
    x = np.linspace(0, 10, 80)
    axes.plot(x, 1.2 * np.sin(x), color=GOOD, lw=3)
    axes.plot([0, 10], [0, 1.2 * np.sin(10)], "--", color=BAD)
    save(figure, "t7")


def t8():
    figure, axes = canvas("Well connected (left) and full of dead ends (right)", (5.2, 2.6))
    grid(axes, 0, 300)
    axes.plot([450, 850], [150, 150], color=STREET)
    for at in range(480, 850, 60):
        axes.plot([at, at], [150, 280 if at % 120 else 20], color=STREET)
        axes.plot(at, 280 if at % 120 else 20, "x", color=STOP)
    save(figure, "t8")


def t9():
    figure, axes = plt.subplots(figsize=(5.2, 2.6), dpi=80)
    for target, worst, name in ((30, 120, "health"), (15, 60, "school"), (45, 90, "jobs")):
        axes.plot([0, target, worst, 130], [0, 0, 1, 1], label=name)
    axes.set_xlabel("minutes")
    axes.set_ylabel("gap")
    axes.legend(fontsize=8)
    axes.set_title("Gap by travel time: 0 up to the standard, 1 from the worst value", fontsize=9)
    save(figure, "t9")


def main():
    for draw in (t1, t2, t3, t4, t5, t6, t7, t8, t9):
        draw()


if __name__ == "__main__":
    main()
