"""Pictures of a report."""

from __future__ import annotations

import io
import re

import numpy as np

from ..metrics._tables import is_missing
from ..plotting._common import DATA, DRAWN, OTHER, new_axes

# Excesses beyond this many limits are drawn at the edge.
_FARTHEST = 3.0
_N_BARS = 12
# Stands for the text colour of the page, in pictures of pages.
_INK = "#010203"
_LABELS = 14


def picture_axes(report, group, ax):
    """The given axes, or new ones of a size that suits the group."""
    ax, figure = new_axes(report, ax)
    if len(figure.axes) == 1 and ax.get_subplotspec() is not None:
        rows = len(report.columns) if group in ("columns", "pairs") else None
        rows = len(_rows_of(report, group)) if rows is None else rows
        side = min(0.35 * rows + 1.6, 9)
        figure.set_size_inches(
            7, side if group == "pairs" else min(side, 0.3 * rows + 1)
        )
    return ax


def draw_group(report, group, ax):
    """Draw a group of a report into axes."""
    if group == "columns":
        return _draw_columns(report.columns, ax)
    if group == "pairs":
        return _draw_pairs(report, ax)
    return _draw_excess(report, group, ax)


def _rows_of(report, group):
    chosen = report.summary.index.get_level_values(0) == group
    return np.flatnonzero(chosen) if group is not None else np.arange(len(chosen))


def _draw_excess(report, group, ax):
    rows = _rows_of(report, group)
    found = np.array(report.summary.attrs["excess"])[rows]
    names = [name for _, name in report.summary.index[rows]]
    place = np.arange(len(rows))
    shown = np.clip(np.nan_to_num(found), -1, _FARTHEST)
    ax.axvspan(-1.1, 1, color=DATA, alpha=0.25, lw=0)
    ax.axvline(0, color=DATA, lw=1)
    for worse, colour, marker in ((False, DRAWN, "o"), (True, OTHER, "D")):
        at = (found > 1) == worse
        if at.any():  # a line without points would widen what is saved to a corner
            ax.plot(shown[at], place[at], marker, color=colour, clip_on=False)
    ax.set(
        xlim=(-1.1, _FARTHEST),
        ylim=(len(rows) - 0.5, -0.5),
        yticks=place,
        yticklabels=[name.replace("_", " ") for name in names],
        xticks=[-1, 0, 1, 2, 3],
        xticklabels=["better", "fresh data", "limit", "2", "3 or more"],
    )
    return ax


def _draw_columns(table, ax):
    place = np.arange(len(table))
    ax.hlines(place, table["limit"], table["fresh"], color=DATA, lw=6, alpha=0.5)
    ax.plot(table["fresh"], place, "|", color=DATA, ms=10, label="fresh data")
    worse = (table["shape"] < table["limit"]).to_numpy()
    for is_worse, colour, marker in ((False, DRAWN, "o"), (True, OTHER, "D")):
        at = worse == is_worse
        if at.any():
            label = "worse" if is_worse else "generated"
            shown = table["shape"].to_numpy()[at]
            ax.plot(shown, place[at], marker, color=colour, label=label)
    ax.set(
        yticks=place,
        yticklabels=[_short(name) for name in table.index],
        ylim=(len(table) - 0.5, -0.5),
        xlabel="similarity of distributions, 1 is equal",
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


def _draw_pairs(report, ax):
    names, d = list(report.columns.index), len(report.columns)
    trends = np.full((d, d), np.nan)
    trends[np.triu_indices(d, 1)] = report.pairs["trend"]
    picture = ax.imshow(trends.T, vmin=0.5, vmax=1, cmap="viridis")
    worse = np.zeros((d, d), dtype=bool)
    worse[np.triu_indices(d, 1)] = report.pairs["trend"] < report.pairs["limit"]
    first, second = np.nonzero(worse)
    ax.plot(first, second, "x", color=OTHER, mew=2, label="worse than fresh data")
    if len(first):
        ax.legend(loc="upper right", frameon=False)
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(False)
    labels = [_short(name) for name in names]
    ax.set_xticks(np.arange(d), labels, rotation=90)
    ax.set_yticks(np.arange(d), labels)
    ax.figure.colorbar(picture, ax=ax, label="similarity of dependence, 1 is equal")
    return ax


def draw_distributions(columns):
    """Histograms or bars of columns, of real and of generated rows, in a new figure."""
    import matplotlib.pyplot as plt

    n_across = min(4, len(columns))
    n_down = -(-len(columns) // n_across)
    figure, axes = plt.subplots(
        n_down,
        n_across,
        figsize=(2.4 * n_across, 1.9 * n_down + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for ax in axes.flat[len(columns) :]:
        ax.remove()
    for ax, column in zip(axes.flat, columns, strict=False):
        (_draw_bars if column.kind == "category" else _draw_histogram)(column, ax)
        ax.set_title(_short(column.name), fontsize="medium")
        ax.set_yticks([])
        ax.tick_params(labelsize="small")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _draw_histogram(column, ax):
    values = {key: part[~np.isnan(part)] for key, part in column.parts.items()}
    both = np.concatenate([*values.values()])
    edges = np.histogram_bin_edges(both, 24)
    for key, style in _STYLES.items():
        counts = np.histogram(values[key], edges)[0] / len(column.parts[key])
        ax.stairs(counts, edges, **style)
    ax.locator_params(axis="x", nbins=4)
    if column.kind == "time":  # whose numbers say nothing
        ax.set_xticks([edges[0], edges[-1]], ["first", "last"])


def _draw_bars(column, ax):
    n = len(column.categories)
    shares = {
        key: np.bincount(part[part >= 0], minlength=n) / len(part)
        for key, part in column.parts.items()
    }
    order = np.argsort(-shares["real"], kind="stable")[:_N_BARS]
    labels = [str(column.categories[k]) for k in order]
    shown = {key: [*share[order]] for key, share in shares.items()}
    if any(is_missing(column, key).any() for key in shares):
        labels.append("missing")
        for key, share in shown.items():
            share.append(is_missing(column, key).mean())
    edges = np.arange(len(labels) + 1) - 0.5
    for key, style in _STYLES.items():
        ax.stairs(shown[key], edges, **style)
    rotation = 0 if sum(map(len, labels)) <= _LABELS else 90
    ax.set_xticks(
        np.arange(len(labels)), [_short(x) for x in labels], rotation=rotation
    )


_STYLES = {
    "real": {"fill": True, "color": DATA, "alpha": 0.5, "label": "real rows"},
    "generated": {"color": DRAWN, "lw": 1.5, "label": "generated rows"},
}


def _short(name):
    text = str(name)
    return text if len(text) <= 24 else f"{text[:22]}…"


def svg(draw):
    """A picture as SVG whose text and lines have the colour of the page's text.

    Parameters
    ----------
    draw : callable
        Returns the axes or the figure that it has drawn.
    """
    import matplotlib.pyplot as plt

    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color")
    colours = dict.fromkeys((*ink, "ytick.color", "axes.titlecolor"), _INK)
    style = {"svg.fonttype": "none", "svg.hashsalt": "skdrift", "font.size": 9.0}
    with plt.rc_context({"figure.dpi": 72, **style, **colours}):
        drawn = draw()
        figure = getattr(drawn, "figure", None) or drawn
        for ax in figure.axes:
            ax.set_facecolor("none")
        file = io.StringIO()
        options = {"transparent": True, "bbox_inches": "tight", "pad_inches": 0.05}
        figure.savefig(file, format="svg", metadata={"Date": None}, **options)
        plt.close(figure)
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    # Text without a colour is black.
    text = text.replace("<svg ", '<svg fill="currentColor" ', 1)
    return re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
