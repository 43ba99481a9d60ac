"""Draw the pictures of the transport pages: ``python docs/figures.py`` writes docs/figures/t*.png."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from kcity_geo.indicators import indicator_rows

mpl.use("Agg")
import matplotlib.pyplot as plt

OUT = Path(__file__).parent / "figures"
STREET, STOP, GOOD, BAD, DARK = "#9aa5b1", "#c0392b", "#2e86ab", "#e67e22", "#333333"
SIZE, DPI = (7.6, 4.6), 110


def canvas(title, size=SIZE):
    figure, axes = plt.subplots(figsize=size, dpi=DPI)
    axes.set_title(title, fontsize=11)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure, axes


def streets(axes, low, high, step=100, label="street"):
    for at in range(low, high + 1, step):
        axes.plot([at, at], [low, high], color=STREET, lw=1.2, zorder=1, label=label)
        axes.plot([low, high], [at, at], color=STREET, lw=1.2, zorder=1)
        label = None


def scale(axes, metres, *, at, text=None):
    """A scale bar from a point to the right."""
    x, y = at
    axes.plot([x, x + metres], [y, y], color=DARK, lw=3, solid_capstyle="butt", zorder=5)
    words = text or (f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m")  # noqa: PLR2004 - metres a km
    axes.annotate(
        words, (x + metres / 2, y), (0, -4), textcoords="offset points", ha="center", va="top"
    )


def save(figure, axes, name):
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9, frameon=False)
    OUT.mkdir(exist_ok=True)
    figure.savefig(OUT / f"{name}.png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def t1():
    figure, axes = canvas("500 m along the streets are a diamond, not a disc")
    streets(axes, -600, 600)
    label = "reached: 0.50 km²"
    axes.fill([500, 0, -500, 0], [0, 500, 0, -500], color=GOOD, alpha=0.35, label=label)
    label = "straight line: 0.79 km²"
    axes.add_patch(plt.Circle((0, 0), 500, fill=False, ls="--", lw=2, color=BAD, label=label))
    axes.plot(0, 0, "o", color=STOP, ms=9, label="stop")
    scale(axes, 200, at=(400, -680))
    save(figure, axes, "t1")


def t2():
    figure, axes = canvas("People within 1 km of a station, as the crow flies")
    rng = np.random.default_rng(1)
    people = rng.normal(0, 1100, (400, 2))
    stations = np.array([[-900, -300], [0, 0], [1000, 400]])
    near = (np.hypot(*(people[:, None] - stations).transpose(2, 0, 1)) <= 1000).any(axis=1)  # noqa: PLR2004 - metres
    axes.plot(*stations.T, "-", color=DARK, lw=2, label="railway")
    for station in stations:
        axes.add_patch(plt.Circle(station, 1000, color=GOOD, alpha=0.12))
    axes.plot(*people[near].T, ".", color=GOOD, ms=5, label=f"served: {near.mean():.0%}")
    axes.plot(*people[~near].T, ".", color=BAD, ms=5, label=f"not served: {1 - near.mean():.0%}")
    axes.plot(*stations.T, "s", color=STOP, ms=8, label="station")
    scale(axes, 1000, at=(1800, -3300))
    save(figure, axes, "t2")


def t3():
    figure, axes = canvas("2 km on either side of an all-season road")
    axes.fill_between(
        [0, 9000], -2000, 2000, color=GOOD, alpha=0.2, lw=0, label="within 2 km: served"
    )
    axes.plot([0, 9000], [0, 0], color=DARK, lw=3.5, label="all-season road")
    dirt = ([2000, 2000, 7000], [0, 3500, 4300])
    axes.plot(*dirt, color="#8d6e63", lw=2.5, ls=":", label="dirt road: does not count")
    axes.plot([1500, 4000], [1500, -1200], "o", color=GOOD, ms=9, label="village, served")
    axes.plot([6500], [3800], "o", color=BAD, ms=9, label="village, not served")
    scale(axes, 2000, at=(6900, -2500))
    save(figure, axes, "t3")


def t4():
    figure, axes = canvas("A grid of 100 m: 20 km of street per km², the standard is 18")
    streets(axes, 0, 1000)
    axes.add_patch(
        plt.Rectangle((50, 50), 900, 900, fill=False, ls="--", color=BAD, lw=1.5, label="0.81 km²")
    )
    scale(axes, 100, at=(850, -60))
    save(figure, axes, "t4")


def t5():
    figure, axes = canvas("A divided road: two nodes, one intersection; a gap in the median: none")
    label = "street, carriageway"
    for y in (0, 20):
        axes.plot([0, 400], [y, y], color=STREET, lw=3.5, label=label)
        label = None
    axes.plot([120, 120], [-80, 100], color=STREET, lw=3.5)
    axes.plot([300, 300], [0, 20], color=STREET, lw=3.5)
    axes.plot(
        [120, 120, 300, 300], [0, 20, 0, 20], "o", color=DARK, ms=5, label="node of three or more"
    )
    axes.add_patch(
        plt.Circle((120, 10), 28, fill=False, color=STOP, lw=2.5, label="one intersection")
    )
    scale(axes, 100, at=(290, -95))
    save(figure, axes, "t5")


def t6():
    figure, axes = canvas("Where streets cross, the ground counts once: 27.75 %, not 30 %")
    label = "land of streets, 15 m wide"
    for at in (0, 100, 200):
        axes.add_patch(plt.Rectangle((-30, at - 7.5), 260, 15, color=GOOD, lw=0, label=label))
        axes.add_patch(plt.Rectangle((at - 7.5, -30), 15, 260, color=GOOD, lw=0))
        label = None
    label = "would count twice"
    for x in (0, 100, 200):
        for y in (0, 100, 200):
            axes.add_patch(
                plt.Rectangle((x - 7.5, y - 7.5), 15, 15, color=BAD, lw=0, label=label, zorder=3)
            )
            label = None
    axes.autoscale_view()
    scale(axes, 100, at=(130, -45))
    save(figure, axes, "t6")


def t7():
    figure, axes = canvas("Street length against the straight line between its ends")
    x = np.linspace(0, 10, 400)
    y = 1.2 * np.sin(x)
    length = np.hypot(np.diff(x), np.diff(y)).sum()
    straight = np.hypot(10, y[-1])
    axes.plot(100 * x, 100 * y, color=GOOD, lw=3.5, label=f"street: {100 * length:.0f} m")
    axes.plot(
        [0, 1000],
        [0, 100 * y[-1]],
        "--",
        color=BAD,
        lw=2,
        label=f"straight: {100 * straight:.0f} m",
    )
    axes.plot([0, 1000], [0, 100 * y[-1]], "o", color=DARK, ms=7, label="junction")
    axes.plot([], [], " ", label=f"circuity: {length / straight:.2f}")
    scale(axes, 200, at=(790, -180))
    save(figure, axes, "t7")


def t8():
    figure, axes = canvas("Well connected (left) and full of dead ends (right)")
    streets(axes, 0, 300)
    axes.plot([450, 850], [150, 150], color=STREET, lw=1.2)
    label = "dead end"
    for at in range(480, 850, 60):
        end = 280 if at % 120 else 20
        axes.plot([at, at], [150, end], color=STREET, lw=1.2)
        axes.plot(at, end, "x", color=STOP, ms=9, mew=2, label=label)
        label = None
    x, y = np.meshgrid([0, 100, 200, 300], [0, 100, 200, 300])
    inner = ~(np.isin(x, [0, 300]) & np.isin(y, [0, 300]))
    axes.plot(x[inner], y[inner], "o", color=DARK, ms=4, label="junction")
    axes.plot(np.arange(480, 850, 60), np.full(7, 150), "o", color=DARK, ms=4)
    axes.text(150, -45, "β = 20/12 = 1.67", ha="center")
    axes.text(650, -45, "β = 15/16 = 0.94, dead ends 9 of 16", ha="center")
    axes.plot([450, 850], [150, 150], "x", color=STOP, ms=9, mew=2)
    scale(axes, 100, at=(320, -20))
    save(figure, axes, "t8")


def t9():
    figure, axes = plt.subplots(figsize=SIZE, dpi=DPI)
    told = [row for row in indicator_rows().values() if row.docs.endswith("t9.md")]
    names = {
        "health": "health care", "hospital": "hospital", "school": "primary school",
        "secondary": "secondary school", "jobs": "jobs", "centre": "centre", "daily": "daily services",
    }  # fmt: skip
    for row in told:
        if row.target is None:
            continue
        target, worst = row.target, row.worst
        style = "-" if row.scored else "--"
        name = names[row.id.removeprefix("T9_")]
        label = f"{name}, {target:g} to {worst:g} min" + ("" if row.scored else " (not scored)")
        axes.plot([0, target, worst, 130], [0, 0, 1, 1], style, lw=2, label=label)
    axes.set_xlabel("minutes to the nearest")
    axes.set_ylabel("gap")
    axes.grid(color="#dddddd")
    axes.set_title("Gap by travel time: 0 up to the standard, 1 from the worst value", fontsize=11)
    save(figure, axes, "t9")


def main():
    for draw in (t1, t2, t3, t4, t5, t6, t7, t8, t9):
        draw()


if __name__ == "__main__":
    main()
