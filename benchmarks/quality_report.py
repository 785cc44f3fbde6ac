"""Summaries, ranks, tables and the picture of ``quality.py``."""

import numpy as np
from generators import FRESH, PARTS
from report import csv_table
from scipy.stats import rankdata

# Short names of the metrics, in the order of the table, with their formats.
METRICS = {
    "C2ST": "{:.2f}",
    "accuracy": "{:.2f}",
    "worst": "{:.2f}",
    "outside": "{:.2f}",
    "coverage": "{:.2f}",
    "density": "{:.2f}",
    "AUC": "{:.2f}",
    "DCR": "{:.2f}",
    "near": "{:.2f}",
    "energy": "{:.2f}",
    "sliced": "{:.2f}",
    "MMD": "{:.2f}",
    "seconds": "{:.1f}",
}
MULTIPLES = ("coverage", "density", "energy", "sliced", "MMD")
RANKED = ("C2ST", "coverage", "energy", "sliced")
GATE = {"AUC": (0.40, 0.60), "DCR": (0.85, 1.25)}

# -- summary -------------------------------------------------------------------------


def summarise(lines, names, generators, n_splits):
    """Mean and standard deviation over the splits, by data set and generator."""
    summary = {}
    for name in names:
        if not of_cell(lines, name, FRESH, n_splits):
            continue
        found = {g: of_cell(lines, name, g, n_splits) for g in generators}
        found = {g: over_splits(cells) for g, cells in found.items() if cells}
        fresh = found[FRESH]
        summary[name] = {g: in_multiples(row, fresh) for g, row in found.items()}
    return summary


def of_cell(lines, name, generator, n_splits):
    cells = [(name, generator, split) for split in range(n_splits)]
    return [lines[cell] for cell in cells if cell in lines]


def over_splits(cells):
    values = {key: [cell[key] for cell in cells] for key in METRICS}
    ddof = min(1, len(cells) - 1)
    return {key: (np.mean(v), np.std(v, ddof=ddof)) for key, v in values.items()}


def in_multiples(row, fresh):
    """Convert values to multiples of the mean values for fresh data."""
    scale = {key: fresh[key][0] for key in MULTIPLES}
    return {
        key: (mean / scale.get(key, 1), std / scale.get(key, 1))
        for key, (mean, std) in row.items()
    }


def in_gate(row):
    """Whether the samples are new; False if a draw failed, which leaves NaN."""
    return all(low <= row[key][0] <= high for key, (low, high) in GATE.items())


def ranks(summary, generators):
    """Mean rank over the data sets of each generator, by metric."""
    generators = [g for g in generators if g not in PARTS]
    found = {key: {g: [] for g in generators} for key in RANKED}
    for rows in summary.values():
        there = [g for g in generators if g in rows]
        for key in RANKED:
            losses = [loss(rows[g], key) for g in there]
            for g, rank in zip(there, rankdata(losses), strict=True):
                # Generators outside the gate have infinite loss and share one rank.
                last = np.isfinite(losses).sum() + 1
                found[key][g].append(min(rank, last))
    return {
        key: {g: np.mean(values) for g, values in by_generator.items() if values}
        for key, by_generator in found.items()
    }


def loss(row, key):
    """Distance from the value for fresh data, infinite outside the gate."""
    best = 0.5 if key == "C2ST" else 1.0
    return abs(row[key][0] - best) if in_gate(row) else np.inf


# -- output --------------------------------------------------------------------------

TITLES = {
    "C2ST": "Classifier two-sample test, 0.5 is best",
    "worst": "Classifier that sees only the worst column; fresh data exceed 0.5 too",
    "outside": "Share of samples with an impossible value",
    "coverage": "Coverage, relative to fresh data",
    "energy": "Energy distance, relative to fresh data",
    "AUC": "Memorisation, 0.5 for new samples and 1 for copies",
}


def as_text(row, key):
    mean, std = row[key]
    if np.isnan(mean):
        return ""
    return f"{METRICS[key].format(mean)}±{METRICS[key].format(std).lstrip('0')}"


def print_summary(summary):
    heads = "".join(f"{key:>11}" for key in METRICS)
    print(f"\n{'data':14} {'generator':20}{heads}  gate")
    for name, rows in summary.items():
        for generator, row in rows.items():
            values = "".join(f"{as_text(row, key):>11}" for key in METRICS)
            inside = "in" if in_gate(row) else "OUT"
            gate = "" if generator == FRESH else inside
            print(f"{name:14} {generator:20}{values}  {gate}")
        print()


def print_ranks(summary, generators):
    by_metric = ranks(summary, generators)
    inside = {
        g: [in_gate(rows[g]) for rows in summary.values() if g in rows]
        for g in generators
    }
    print(f"{'mean rank':20}{''.join(f'{k:>10}' for k in RANKED)}   in the gate")
    for generator in by_metric["C2ST"]:
        values = "".join(f"{by_metric[key][generator]:10.2f}" for key in RANKED)
        there = inside[generator]
        print(f"{generator:20}{values}   {sum(there)} of {len(there)}")
    print()


def restructured(summary, generators):
    """Tables of means over the data sets, of the main metrics by set, and of ranks."""
    header = ["", "data sets", "in the gate", "C2ST", "coverage", "memorisation"]
    rows = [overall(summary, g) for g in generators]
    parts = [csv_table("All data sets: means, and the range of AUCs", header, rows)]
    for key, title in TITLES.items():
        columns = [*generators, FRESH] if key == "worst" else generators
        rows = metric_rows(summary, columns, key)
        parts.append(csv_table(title, ["", *columns], rows))
    by_metric = ranks(summary, generators)
    ranked = [*by_metric["C2ST"]]
    rows = [[key, *(f"{by_metric[key][g]:.1f}" for g in ranked)] for key in RANKED]
    return "\n".join([*parts, csv_table("Mean rank", ["", *ranked], rows)])


def overall(summary, generator):
    """One line of means over the data sets that a generator was run on."""
    rows = [by[generator] for by in summary.values() if generator in by]
    rows = [row for row in rows if np.isfinite(row["C2ST"][0])]
    c2st, covered, auc = (
        np.array([row[key][0] for row in rows]) for key in ("C2ST", "coverage", "AUC")
    )
    return [
        generator,
        len(rows),
        sum(map(in_gate, rows)),
        f"{c2st.mean():.2f}",
        f"{covered.mean():.2f}",
        f"{auc.min():.2f} to {auc.max():.2f}",
    ]


def metric_rows(summary, generators, key):
    """Means, in brackets outside the gate, bold for the best inside."""
    for name, rows in summary.items():
        there = [g for g in generators if g in rows]
        best = min((loss(rows[g], key), g) for g in there)[1] if key in RANKED else None
        cells = [name]
        for g in generators:
            text = as_text(rows[g], key).partition("±")[0] if g in there else ""
            if text and g != FRESH and not in_gate(rows[g]):
                text = f"({text})"
            cells.append(f"**{text}**" if g == best and in_gate(rows[g]) else text)
        yield cells


def draw(summary, generators, path):
    """Picture of C2ST against the memorisation AUC, one panel for each data set."""
    import matplotlib.pyplot as plt

    n_columns = min(4, len(summary))
    n_rows = -(-len(summary) // n_columns)
    figure, panels = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3 * n_columns, 2.6 * n_rows + 0.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat[len(summary) :]:
        axes.set_axis_off()
    for axes, (name, rows) in zip(panels.flat, summary.items(), strict=False):
        draw_panel(axes, name, rows, generators)
    for k, g in enumerate(generators):
        panels[0, 0].plot([], [], MARKERS[k], color=f"C{k % 10}", label=g)
    figure.legend(loc="outside upper center", ncols=n_columns + 1, frameon=False)
    figure.supxlabel("memorisation AUC: 0.5 for new samples, 1 for copies")
    figure.supylabel("C2ST: 0.5 is best")
    figure.savefig(path, dpi=120)


MARKERS = "osD^vP*X<>dph"


def draw_panel(axes, name, rows, generators):
    axes.axvspan(*GATE["AUC"], color="0.9", zorder=0)
    axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
    for k, generator in enumerate(generators):
        if generator not in rows:
            continue
        row, colour = rows[generator], f"C{k % 10}"
        (x, dx), (y, dy) = row["AUC"], row["C2ST"]
        face = colour if in_gate(row) else "white"
        axes.errorbar(
            x, y, dy, dx, fmt=MARKERS[k], color=colour, mfc=face, elinewidth=0.7
        )
    axes.set(title=name, xlim=(-0.03, 1.03), ylim=(0.35, 1.03))
