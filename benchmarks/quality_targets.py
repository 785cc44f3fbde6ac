"""Targets of ``quality.py`` for the drifters with default parameters."""

import numpy as np
from datasets import LARGE
from generators import FRESH, PARTS
from quality_report import GATE, in_gate, loss, ranks

# Narrower than that of the gate, which all generators must pass to be ranked.
AUC = (0.42, 0.58)


def rows_of(summary, generator):
    return {name: by[generator] for name, by in summary.items() if generator in by}


def means(rows, key):
    """Mean over the splits, by data set."""
    return {name: row[key][0] for name, row in rows.items()}


def novelty_targets(rows):
    for name, auc in means(rows, "AUC").items():
        dcr = rows[name]["DCR"][0]
        new = AUC[0] <= auc <= AUC[1] and GATE["DCR"][0] <= dcr <= GATE["DCR"][1]
        yield f"{name}: AUC {auc:.2f} in .42..58, DCR {dcr:.2f} in the gate", new


def fidelity_targets(rows):
    for name, covered in means(rows, "coverage").items():
        yield f"{name}: coverage {covered:.2f} >= 0.95", covered >= 0.95
    by_name = means(rows, "C2ST")
    for name, auc in by_name.items():
        if name in LARGE:
            yield f"{name}: C2ST {auc:.3f} <= 0.58", auc <= 0.58
    mean = np.mean([*by_name.values()])
    yield f"mean of C2ST over the data sets {mean:.3f} <= 0.53", mean <= 0.53
    # An energy that is not a number counts as far.
    energies = means(rows, "energy").items()
    far = [name for name, energy in energies if not energy <= 1.15]
    yield f"energy above 1.15 on at most one: {', '.join(far) or 'none'}", len(far) < 2


def column_targets(rows, fresh):
    """Targets for single columns; what was not measured misses them."""
    of_fresh = means(fresh, "worst")
    for name, auc in means(rows, "worst").items():
        if name in LARGE:
            text = f"{name}: worst column {auc:.3f} <= 0.53"
            yield f"{text} (fresh data {of_fresh[name]:.3f})", auc <= 0.53
    for name, share in means(rows, "outside").items():
        yield f"{name}: share outside {share:.4f} == 0", share == 0


def flow_targets(rows, starts):
    """What the flow adds to the start that it moves."""
    ends, starts = means(rows, "C2ST"), means(starts, "C2ST")
    both = [name for name in ends if name in starts]
    end, start = (np.mean([by[name] for name in both]) - 0.5 for by in (ends, starts))
    text = f"mean excess of C2ST {end:.3f} <= 0.6 of start_only's {start:.3f}"
    yield text, end <= 0.6 * start
    wins = sum(ends[name] < starts[name] for name in both)
    text = f"C2ST below start_only's on {wins} of {len(both)} >= 75 %"
    yield text, wins >= 0.75 * len(both)


def rank_targets(summary, generators):
    for key in ("C2ST", "coverage"):
        by_generator = ranks(summary, generators)[key]
        first = min(by_generator, key=by_generator.get)
        yield f"mean rank in {key}: first is {first}", first == "ConservativeDrifter"
    wins = 0
    for rows in summary.values():
        losses = {g: loss(rows[g], "C2ST") for g in generators if g in rows}
        best = min(losses, key=losses.get)
        wins += best == "ConservativeDrifter" and np.isfinite(losses[best])
    share = wins / len(summary)
    yield f"C2ST best on {wins} of {len(summary)} >= 60 %", share >= 0.6


def laplace_targets(summary):
    rows, others = (rows_of(summary, g) for g in ("LaplaceDrifter", "KernelDensity"))
    inside = sum(map(in_gate, rows.values()))
    needed = min(8, len(rows))
    yield f"LaplaceDrifter in the gate on {inside} >= {needed}", inside >= needed
    both = [name for name in rows if name in others]
    wins = sum(rows[name]["C2ST"][0] < others[name]["C2ST"][0] for name in both)
    text = f"LaplaceDrifter's C2ST below KernelDensity's on {wins} of {len(both)}"
    yield text, 2 * wins >= len(both)


def check_targets(summary, generators):
    """Print each target and the measured value; return whether all are met."""
    checks = []
    rivals = [g for g in generators if g not in PARTS]
    if "ConservativeDrifter" in generators:
        rows = rows_of(summary, "ConservativeDrifter")
        checks += [*novelty_targets(rows), *fidelity_targets(rows)]
        checks += column_targets(rows, rows_of(summary, FRESH))
        if "start_only" in generators:
            checks += flow_targets(rows, rows_of(summary, "start_only"))
        if len(rivals) > 1:
            checks += rank_targets(summary, rivals)
    if {"LaplaceDrifter", "KernelDensity"} <= {*generators}:
        checks += laplace_targets(summary)
    for text, met in checks:
        print(f"{'met   ' if met else 'MISSED'} {text}")
    return all(met for _, met in checks)
