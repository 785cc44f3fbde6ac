"""Seeded faults, and whether a test notices that a line of the library is wrong.

Each fault replaces a piece of one file in a copy of the project and runs the test files
that concern it, one fault after the other:

    OMP_NUM_THREADS=1 python benchmarks/mutations.py --out mutations.json
    python benchmarks/mutations.py --out mutations.json --only flow/_stops.py
    python benchmarks/mutations.py --check      # are the pieces still there?

A run that was interrupted goes on where it ended: what is in the file is not run again.
Faults that no test notices are listed at the end. The tests that noticed one are run
once more without any fault, where all of them have to pass.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
COPIED = ("skdrift", "tests", "conftest.py", "pyproject.toml", "setup.cfg")
LONGEST = 600  # seconds for the tests of one fault


class Fault(NamedTuple):
    """A piece of a file of skdrift, what replaces it, and the tests of that file."""

    file: str
    old: str
    new: str
    tests: tuple

    @property
    def key(self):
        """What identifies the fault in a file of results."""
        return f"{self.file}: {self.old.strip()} -> {self.new.strip()}"


# By file: the test files that concern it (the last one with options for all of them),
# and pairs of a text and its replacement.
FAULTS = {
    # -- kernels and rates -----------------------------------------------------------
    (
        "kernels/_matern.py",
        "kernels/test_kernels.py",
        "theory/test_spectral.py",
    ): [
        ("gammaln(n_features + powers) +", "gammaln(n_features + powers + 1) +"),
        ("-(self.nu + 0.5 * n_features)", "-(self.nu + n_features)"),
        (
            "random_state.gamma(shapes[chosen])",
            "random_state.gamma(shapes[chosen] + 1)",
        ),
        ("ratio / r ** (2 * rung + 1)", "ratio / r ** (2 * rung)"),
        (
            "n_features + np.arange(len(coefficients))",
            "n_features + np.zeros(len(coefficients))",
        ),
    ],
    (
        "kernels/_rational_quadratic.py",
        "kernels/test_kernels.py",
        "theory/test_spectral.py",
    ): [
        ("(1.0 + 1.0 / self._power())", "(1.0 - 1.0 / self._power())"),
        ("freedom = 2 * self._power() - n_features", "freedom = 2 * self._power()"),
        ("np.log(self.alpha / rungs)", "np.log(rungs / self.alpha)"),
        ("(3 * p - 5 * p**3) / 24", "(3 * p + 5 * p**3) / 24"),
        (
            "RationalQuadratic(2 * self.alpha), sqrt(2.0)",
            "RationalQuadratic(2 * self.alpha), 1.0",
        ),
    ],
    (
        "bandwidth/_rates.py",
        "bandwidth/test_conventions.py",
        "drifters/test_drifters.py",
        "theory/test_rules.py",
        "theory/test_reproductions_rates.py",
    ): [
        (
            "return math.sqrt(d / 2) * n ** (-1 / (d + 4))",
            "return math.sqrt(d / 2) * n ** (-1 / (d + 2))",
        ),
        (
            "return (n * (d + 2) / 4) ** (-1 / (d + 4))",
            "return (n * (d + 4) / 4) ** (-1 / (d + 4))",
        ),
    ],
    # -- engines ---------------------------------------------------------------------
    (
        "engines/_numpy.py",
        "engines/test_engines.py",
        'engines/test_contract.py -k "numpy or test_engines"',
    ): [
        ("local = deleted - tile.start", "local = deleted"),
        ("        r2[r2 < 4 * np.finfo(np.float64).eps * (xx + yy)] = 0\n", ""),
        ("self.centre = sources.mean(axis=0) if centres else 0", "self.centre = 0"),
        (
            "shift[np.isneginf(shift)] = 0  # every source",
            "pass  # every source",
        ),
        ("pairs // columns), columns", "pairs), columns"),
    ],
    (
        "engines/_interface.py",
        "engines/test_engines.py",
        'engines/test_contract.py -k "numpy or test_engines"',
    ): [
        ("shift = np.where(np.isneginf(log_z), 0, log_z)", "shift = log_z"),
        ("np.exp(second.log_z - shift)", "np.exp(second.log_z - first.log_z)"),
    ],
    (
        "engines/_derivatives.py",
        "fields/test_fields.py",
        "flow/test_map.py",
        'engines/test_contract.py -k "numpy or test_fields or test_map"',
    ): [
        ("(s.start <= gone) & (gone < s.stop)", "(s.start < gone) & (gone < s.stop)"),
        (
            "- self.pulled[:, None, None] * identity - outer",
            "- self.pulled[:, None, None] * identity",
        ),
        ("return value if np.isfinite(value) else 0.0", "return value"),
    ],
    (
        "engines/_choice.py",
        "engines/test_engines.py",
        "engines/test_faults.py",
        "drifters/test_drifters.py",
    ): [
        (
            "if stays > _MUCH_LONGER * least + _SECONDS_THAT_MATTER:",
            "if stays > least:",
        ),
        ("lambda engine: engine.name != chosen", "lambda engine: True"),
    ],
    (
        "engines/_cpu/_loops.py",
        "engines/test_numba_engine.py",
        "engines/test_nufft_engine.py",
        'engines/test_contract.py -k "numba or nufft"',
    ): [
        ("gone = deleted[i + q] - b * size", "gone = deleted[i + q]"),
        ("                    displacement[i + q] *= factor\n", ""),
        ("block_log_w[gone] = kept", "pass"),
        ("_B7 + f * (_B8 + f * (_B9 + f * _B10))", "_B7 + f * (_B8 + f * _B9)"),
        (
            "_C1 + w * (_C3 + w * (_C5 + w * (_C7 + w * _C9)))",
            "_C1 + w * (_C3 + w * _C5)",
        ),
        ("least = np.finfo(u.dtype).tiny", "least = u.dtype.type(1e-3)"),
        ("if gap2 <= radius2:", "if gap2 <= 0.5 * radius2:"),
        ("if shift > 0:  # of a user's kernel", "if shift > 1e9:"),
        ("near_w[j] = w[j] if near else 0.0", "near_w[j] = w[j]"),
    ],
    (
        "engines/_cpu/_engine.py",
        "engines/test_numba_engine.py",
        "engines/test_contract.py -k numba",
    ): [
        (
            "log_w = np.full(n_blocks * size, self.absent)",
            "log_w = np.zeros(n_blocks * size, self.sources.dtype)",
        ),
        ("or reach > _SINGLE_MAX_REACH * bandwidth", "or reach > _SINGLE_MAX_REACH"),
        ("gone = None if deleted is None else np.asarray(deleted)[far]", "gone = None"),
        (
            "            compiled.order > _SINGLE_MAX_ORDER\n            or reach",
            "            reach",
        ),
        ("self.offset = float(top) if np.isfinite(top) else 0.0", "self.offset = 0.0"),
    ],
    (
        "engines/_spectral/_engine.py",
        "engines/test_nufft_engine.py",
        "engines/test_contract.py -k nufft",
    ): [
        ("modes[1] -= xi[2] * rho", "modes[1] += xi[2] * rho"),
        ("half = (self.period - self.reach) / 2", "half = self.period / 2"),
        ("        z -= own\n        pulled -= own_pulled\n", "        z -= own\n"),
        ("period = high - low + 2 * reach", "period = high - low + reach"),
        ("key = grid.shape, tuple(grid.period)", "key = grid.shape"),
        (
            "own[apart] *= np.exp(plan.profiles.log_normalizer(r2)) / peak",
            "own[apart] *= 1",
        ),
        ("return z * self.tolerance > error * (1", "return z > error * (1"),
    ],
    ("engines/_dask.py", "engines/test_dask_engine.py"): [
        ("local = deleted - self.start", "local = deleted"),
        (
            "np.full(len(sources), -np.log(n_sources))",
            "np.full(len(sources), -np.log(len(sources)))",
        ),
        ("np.array_equal(known, array)", "known.shape == array.shape"),
        ("parts = merged + parts[2 * len(merged) :]", "parts = merged"),
    ],
    # -- fields ----------------------------------------------------------------------
    (
        "fields/_kernel.py",
        "fields/test_fields.py",
        "flow/test_map.py",
        "drifters/test_drifters.py",
    ): [
        ("return v + (n / total)[:, None] * c\n", "return v + c\n"),
        ("log_n + np.log(share / n_particles)", "log_n + np.log(share)"),
        (
            "self._placed(particles), self.own(len(particles))",
            "self._placed(particles), None",
        ),
        ("- (n / total)[:, None] * m_slope", "+ (n / total)[:, None] * m_slope"),
        (
            "terms.data.log_z - terms.model.log_z",
            "terms.model.log_z - terms.data.log_z",
        ),
    ],
    ("fields/_sinkhorn.py", "drifters/test_sinkhorn.py"): [
        ("error = max(data.error, model.error)", "error = data.error"),
        ("return float(0.5 * np.exp(log_weights)", "return float(np.exp(log_weights)"),
        ("len(potentials.u) == len(x) and", ""),
        ("return data, model, Potentials(u, v, h)", "return data, model, None"),
    ],
    ("fields/_softmax.py", "drifters/test_softmax.py", "drifters/test_extremes.py"): [
        ("np.exp(np.minimum(log_gain, log_most - np.log(2)))", "np.exp(log_gain)"),
        (
            "log_excess -= 0.5 * np.maximum(mean, 0.0)",
            "log_excess -= np.maximum(mean, 0.0)",
        ),
        (
            "self.model = bind(particles, -0.5 * self.log_seen)",
            "self.model = bind(particles, -self.log_seen)",
        ),
    ],
    # -- flow ------------------------------------------------------------------------
    (
        "flow/_stops.py",
        "flow/test_flow.py",
        "drifters/test_drifters.py",
        "drifters/test_extremes.py",
    ): [
        ("if residual <= self.tol * bandwidth:", "if residual <= self.tol:"),
        ("if t > 0 and reached:", "if reached:"),
        (
            "max(np.linalg.norm(rows.std) or 1.0, spread(start))",
            "(np.linalg.norm(rows.std) or 1.0)",
        ),
        ("np.max(above, initial=-1) + 1", "np.max(above, initial=-1)"),
    ],
    ("flow/_loop.py", "flow/test_flow.py", "drifters/test_drifters.py"): [
        ("[name for name in reached if name not in before]", "reached"),
        ("return path[-1].particles, entered[0], t", "return x, entered[0], t"),
        (
            "*(e.step_size for e in path[:-1]), 0.0",
            "*(e.step_size for e in path[:-1]), 1.0",
        ),
    ],
    ("flow/_schedules.py", "flow/test_flow.py", "drifters/test_drifters.py"): [
        (
            "np.geomspace(initial, final, n_annealing + 1)[:-1]",
            "np.linspace(initial, final, n_annealing + 1)[:-1]",
        ),
        (
            "given_schedule(bandwidth * multiples, bandwidth",
            "given_schedule(multiples, bandwidth",
        ),
        (
            "n_annealing = min(n_annealing, n_steps)",
            "n_annealing = max(n_annealing, n_steps)",
        ),
    ],
    (
        "flow/_calibration.py",
        "flow/test_flow.py",
        "flow/test_memorization.py",
        "drifters/test_drifters.py",
    ): [
        ("if abs(error) < best:", "if True:"),
        ("nearer += reached - expected", "nearer -= reached - expected"),
        (
            "(error > 0 and noise == NOISE_BOUNDS[1])",
            "(error < 0 and noise == NOISE_BOUNDS[1])",
        ),
        ("key=lambda found: abs(found[2] - _TARGET_AUC)", "key=lambda found: found[2]"),
    ],
    (
        "flow/_memorization.py",
        "flow/test_memorization.py",
        "flow/test_flow.py",
        "metrics/test_metrics.py",
    ): [
        ("        distance[data.count[probes] >= 2] = 0\n", ""),
        ("(1 - _ROUNDING) * self._known - moved", "(1 - _ROUNDING) * self._known"),
        ("return float(1 - np.mean(below))", "return float(1 - np.mean(below[0]))"),
        ("cumulative = np.cumsum(weight[order])", "cumulative = np.cumsum(weight)"),
        (
            "neighbors.distance(data.rows[probes], 2)",
            "neighbors.distance(data.rows[probes], 1)",
        ),
    ],
    ("flow/_batches.py", "flow/test_batches.py"): [
        ("max(_MOST_ROWS, _PER_PARTICLE * n_particles)", "_MOST_ROWS"),
        ("self.rows.weight[order], random_state", "self.rows.weight, random_state"),
        ("size > _LARGEST_PART * n_rows", "size > n_rows"),
    ],
    ("flow/_map.py", "flow/test_map.py"): [
        (
            "origin.log_det[part] += found.log_det",
            "origin.log_det[part] = found.log_det",
        ),
        ("for step in reversed(steps):", "for step in steps:"),
        (
            "origin.is_folded[part] |= found.is_folded",
            "origin.is_folded[part] = found.is_folded",
        ),
    ],
    (
        "flow/_fitted.py",
        "drifters/test_drifters.py",
        "flow/test_map.py",
        "flow/test_batches.py",
        "theory/test_statements.py",
    ): [
        ("rows[even_choice(places, n, random_state)]", "rows[:n]"),
        (
            "log_p - origin.log_det + self._log_slope(X)",
            "log_p + origin.log_det + self._log_slope(X)",
        ),
        ("v / self.scaling.slope(X)", "v * self.scaling.slope(X)"),
        (
            "self.start.draw(n, random_state)(self.noise)",
            "self.start.draw(n, random_state)(1.0)",
        ),
        ("self.bandwidth**2 * log_ratio", "self.bandwidth * log_ratio"),
    ],
    (
        "flow/_fit.py",
        "drifters/test_drifters.py",
        "flow/test_flow.py",
        "flow/test_memorization.py",
        "flow/test_map.py",
    ): [
        ("return spread / reference if", "return reference / spread if"),
        ("_PARTICLES_PER_SAMPLE[leave_one_out] * rows.n_samples", "rows.n_samples"),
        ("step_size=step_at(step_size, flow.particles, last)", "step_size=1.0"),
        (
            "if not 1 / limit < rows.mean_std < limit:",
            "if not 0 < rows.mean_std < limit:",
        ),
    ],
    ("flow/_score.py", "drifters/test_drifters.py", "tables/test_model_selection.py"): [
        ("relative = np.max(", "relative = np.mean("),
        (
            "towards_particles[-1] / (_SCORE_BANDWIDTHS[-1] * h)",
            "0 * towards_particles[-1]",
        ),
        ("leave_one_out=True).bind(", "leave_one_out=False).bind("),
    ],
    ("flow/_checkpoint.py", "flow/test_checkpoint.py"): [
        ("if step.place != place or", "if"),
        ("except (KeyboardInterrupt, SystemExit):", "except KeyboardInterrupt:"),
        ("random_state = deepcopy(check_random_state(None))", "pass"),
        ("_TIMES_WRITING * took)", "0 * took)"),
        ("self.random_state.set_state(self._draws_from)", "pass"),
        ("            if self._is_anothers():\n", "            if False:\n"),
    ],
    # -- starts ----------------------------------------------------------------------
    ("_starts/_given.py", "starts/test_starts.py"): [
        (
            "noise = self.given.std(axis=0) * scott(",
            "noise = 0 * self.given.std(axis=0) * scott(",
        ),
        (
            'self.scaling.within_reach(given, "start")\n        return',
            "given\n        return",
        ),
    ],
    ("_starts/_local.py", "starts/test_starts.py", "flow/test_map.py"): [
        ("kept = np.sqrt(max(0.0, 1 - b * b))", "kept = max(0.0, 1 - b)"),
        (
            "share = np.where(distance <= np.maximum(closest, reach), share, 0)",
            "pass",
        ),
        ("e = np.sqrt(w) * random_state", "e = w * random_state"),
        ("rows.count < 2", "rows.count < 3"),
        ("neighbors.reach(places, 2)", "neighbors.reach(places, 3)"),
        (
            "log_weights = np.log(weight[part])",
            "log_weights = np.log(weight[part] / weight[part])",
        ),
    ],
    ("_starts/_gaussian.py", "starts/test_starts.py", "drifters/test_extremes.py"): [
        ("    eigenvalues[eigenvalues < floor] = 0\n", ""),
        ("max(2 * bandwidth, self.rows.bandwidth(_overview))", "2 * bandwidth"),
        ("root = np.sqrt(weight)[:, None]", "root = weight[:, None]"),
    ],
    (
        "_starts/_choice.py",
        "starts/test_starts.py",
        "flow/test_batches.py",
        "drifters/test_drifters.py",
    ): [
        (
            "(np.arange(n) + random_state.uniform()) / n",
            "np.sort(random_state.uniform(size=n))",
        ),
        (
            "np.searchsorted(np.cumsum(weight), quantiles)",
            "np.searchsorted(np.arange(1, 1 + len(weight)) / len(weight), quantiles)",
        ),
    ],
    # -- data ------------------------------------------------------------------------
    (
        "_data/_rows.py",
        "data/test_numbers.py",
        "drifters/test_drifters.py",
        "drifters/test_extremes.py",
        "tables/test_columns.py",
    ): [
        ("kept = weight > _NO_WEIGHT", "kept = weight > -1"),
        (
            "count = sample_weight if are_integers(sample_weight) else np.ones(len(X))",
            "count = np.ones(len(X))",
        ),
        (
            "return float(std.max() * np.sqrt(np.mean((std / std.max()) ** 2)))",
            "return float(std.mean())",
        ),
        (
            "reach = reach_of(X.dtype) * min(bandwidth, 1.0)",
            "reach = reach_of(X.dtype)",
        ),
        (
            "weight=times / times.sum(), count=self.count[place]",
            "weight=np.full(len(place), 1 / len(place)), count=self.count[place]",
        ),
        ("peak = np.where(peak > 0, peak, 1.0)", "peak = np.ones_like(peak)"),
    ],
    ("_data/_laws.py", "data/test_laws.py", "tables/test_columns.py"): [
        (
            "sample.occurrences[inner] >= _TIMES_A_RIVAL * rival",
            "sample.occurrences[inner] >= 0",
        ),
        (
            "return largest if is_short and largest + spacing < bound else bound",
            "return bound",
        ),
        ("shares = (1.0, 100.0) if least >= 0 else ()", "shares = ()"),
        (
            "0.5 * (1 - mean**2 / max(variance, 1e-300))",
            "0.5 * (1 + mean**2 / max(variance, 1e-300))",
        ),
        (
            "usual = np.median(sample.occurrences[near])",
            "usual = np.mean(sample.occurrences[near])",
        ),
        ("if ends == (0, 1, 1, 1):", "if False:"),
    ],
    ("_data/_grids.py", "data/test_laws.py", "tables/test_columns.py"): [
        ("    step = (values[-1] - values[0]) / n_steps\n", ""),
        ("np.gcd.reduce(steps) if len(values) >= _FEWEST_VALUES else 1", "1"),
    ],
    (
        "_data/_margins.py",
        "data/test_laws.py",
        "tables/test_columns.py",
        "drifters/test_drifters.py",
    ): [
        ("[values - grid.width / 2, values + grid.width / 2]", "[values, values]"),
        ("below = np.where(sought - low < high - sought, low, high)", "below = low"),
        (
            "low = law.grid.first_from(low + law.grid.width / 2)",
            "low = law.grid.first_from(low)",
        ),
        ("<= _ON_ATOM * atom.room", "<= 0"),
        ("levels = np.concatenate([outer, inner, 1 - outer[::-1]])", "levels = inner"),
    ],
    ("_data/_splines.py", "data/test_laws.py", "tables/test_columns.py"): [
        ("a, b, c = s - d0 + curved", "a, b, c = s - d1 + curved"),
        ("outer = np.minimum(secants[[0, -1]], largest)", "outer = secants[[0, -1]]"),
        ("w0 = 2 * widths[1:] + widths[:-1]", "w0 = widths[1:] + 2 * widths[:-1]"),
    ],
    ("_data/_warps.py", "data/test_laws.py", "tables/test_columns.py"): [
        ("np.where(before & after, 0.5, 1.0) * GAP", "GAP"),
        (
            "np.where(before | after, np.minimum(steps, _EMPTY * spread), steps)",
            "steps",
        ),
    ],
    ("_data/_covariance.py", "data/test_covariance.py"): [
        ("rest = np.maximum(1 - b * w * r,", "rest = np.maximum(1 - 0 * w * r,"),
        ("_SHARES[np.argmax(log_p)]", "_SHARES[0]"),
        ("        b = (1 - a) / (1 - w)\n", "        b = 1 - a + 0 * w\n"),
    ],
    ("_data/_mixture.py", "data/test_density.py", "data/test_conditionals.py"): [
        (
            "covariance = shape.noise**2 * (coloring.T",
            "covariance = shape.noise * (coloring.T",
        ),
        ("total += log_p @ self._rows.count[out]", "total += log_p.sum(axis=1)"),
        ("share = 1 / (self._rows.n_samples + 1)", "share = 0.5"),
        ("        variance[-1] **= 2\n", ""),
        (
            "np.logaddexp(np.log1p(-gaussian) + local, log_p)",
            "np.logaddexp(local, log_p)",
        ),
    ],
    ("_data/_conditionals.py", "data/test_conditionals.py", "tables/test_given.py"): [
        (
            "return i, -np.take_along_axis(log_q, i, axis=1)",
            "return i, 0 * np.take_along_axis(log_q, i, axis=1)",
        ),
        ("mean = centre[at, p] + np.einsum(", "mean = centre[at, p] - np.einsum("),
        (
            "return np.log(np.maximum(share, _LEAST_SHARE))",
            "return np.zeros(share.shape)",
        ),
        ("        result[wrong] = -np.inf\n", ""),
        ("np.where(self._n_known[:, None] > p, e, 0.0)", "e"),
    ],
    ("_data/_cells.py", "data/test_density.py", "data/test_conditionals.py"): [
        (
            "np.log(width) - 0.5 * middle * middle - HALF_LOG_2_PI",
            "np.log(width) - HALF_LOG_2_PI",
        ),
        ("        log_unit[is_cell & (width == 0)] = 0.0  # a probability\n", ""),
        ("        log_p -= self._log_share(self.first, self.last, at, e, s)\n", ""),
        ("shares = np.maximum(shares, least)", "shares = np.ones(n)"),
    ],
    (
        "_data/_neighbors.py",
        "data/test_neighbors.py",
        "flow/test_memorization.py",
        "flow/test_batches.py",
    ): [
        ("(1 - _ROUNDING) * self._beyond - moved", "(1 - _ROUNDING) * self._beyond"),
        (
            "self._part(every).distance(x, round(k / every))",
            "self._part(every).distance(x, k)",
        ),
        (
            "return np.sort(self._known[places, :k], axis=1)",
            "return self._known[places, :k]",
        ),
    ],
    ("_data/_imputation.py", "tables/test_given.py"): [
        (
            "weight = sample_weight * random_state.standard_exponential(len(X))",
            "weight = sample_weight * 1.0",
        ),
        ("_observed(X, rows, weight),", "None,"),
    ],
    # -- metrics ---------------------------------------------------------------------
    ("metrics/_memorization.py", "metrics/test_metrics.py"): [
        (
            'not_farther = np.searchsorted(fresh, drawn, "right")',
            'not_farther = np.searchsorted(fresh, drawn, "left")',
        ),
        (
            "within = nearest_distances(train, train, 2)",
            "within = nearest_distances(train, train, 1)",
        ),
        ('method="inverted_cdf"', 'method="linear"'),
    ],
    ("metrics/_two_sample.py", "metrics/test_metrics.py"): [
        ("squared = 2 * _mean_distance(X, Y)", "squared = _mean_distance(X, Y)"),
        ("(len(S) * m - 1) / (len(S) - 1)", "m"),
        (
            "mass = np.diff(levels, prepend=0) / (n * m)",
            "mass = np.full(len(levels), 1 / len(levels))",
        ),
        (
            "factors = -0.5 * (widest / bandwidths) ** 2",
            "factors = -((widest / bandwidths) ** 2)",
        ),
    ],
    ("metrics/_neighborhoods.py", "metrics/test_metrics.py"): [
        ("(centres, centres, k + 1)", "(centres, centres, k)"),
        ("(n_neighbors * n_generated)", "(n_neighbors * len(inside))"),
    ],
    ("metrics/_utility.py", "metrics/test_train_on_synthetic.py"): [
        ("return drawn[0] / real", "return real / drawn[0]"),
        (
            "places = {v: i for i, v in enumerate(sorted(set(known.values), key=str))}",
            "places = {v: i for i, v in enumerate(sorted(set(values), key=str))}",
        ),
    ],
    # -- tables and estimators -------------------------------------------------------
    ("tables/_codes.py", "tables/test_tables.py", "tables/test_columns.py"): [
        ("left = due - count", "left = 0 * due"),
        (
            "len(before.intersection(self.categories)) - 0.5",
            "len(before.intersection(self.categories)) + 0.5",
        ),
        (
            "ends = value(max(law.low, 0)), value(min(law.high, n_steps))",
            "ends = value(law.low), value(law.high)",
        ),
        (
            "kind = np.where((marks >= 0.5).any(axis=1), marks.argmax(axis=1) + 1, 0)",
            "kind = np.zeros(len(marks), int)",
        ),
    ],
    ("tables/_kept.py", "tables/test_table_rules.py"): [
        (
            "sine[gone] = quantiles(np.sort(sine[~gone]), gone.sum())",
            "sine[gone] = 9.0",
        ),
        (
            "less = np.less if self.rule.strict else np.less_equal",
            "less = np.less_equal",
        ),
        (
            "values = np.where(values >= low + period, values - period, values)",
            "pass",
        ),
        ("holds &= column.missing | ((low <= values) & (values <= high))", "pass"),
        ("gone = near.missing | far.missing", "gone = far.missing"),
    ],
    ("tables/_ruled.py", "tables/test_table_rules.py"): [
        ("if rate < _FEW:", "if False:"),
        (
            "if n_drawn >= _ENOUGH and rate < _HOPELESS:",
            "if n_drawn >= 1000 * _ENOUGH and rate < _HOPELESS:",
        ),
    ],
    ("tables/_many.py", "tables/test_many.py"): [
        (
            "(np.arange(n) + rng.uniform(0.01, 0.99)) / n * share[-1]",
            "np.sort(rng.uniform(size=n)) * share[-1]",
        ),
        ("            distance[:, weight == 0] = np.inf\n", ""),
        (
            "between = np.maximum(share @ np.square(mean) - within * k / n, 0)",
            "between = np.maximum(share @ np.square(mean), 0)",
        ),
    ],
    (
        "oversampling.py",
        "tables/test_oversampling.py",
        "tables/test_oversampling_frames.py",
    ): [
        (
            "column[missing] = next(filter(_is_missing, given), None)",
            "column[missing] = None",
        ),
        ("drawn[column].astype(table.dtypes.iloc[j])", "drawn[column]"),
    ],
    ("impute.py", "tables/test_given.py", "drifters/test_common.py"): [
        (
            "for mixture in self._mixtures[:n]]",
            "for mixture in self._mixtures[:1] * n]",
        ),
        ("np.eye(len(group))[assigned(rows[:, group])]", "rows[:, group]"),
    ],
    ("outlier.py", "drifters/test_outlier.py"): [
        (
            "mean = np.bincount(which, scores) / np.bincount(which)",
            "mean = np.bincount(which, scores)",
        ),
        ("own = [*map(self._own.get, _keys(rows), scores)]", "own = scores"),
        (
            "np.where(self.decision_function(X) < 0, -1, 1)",
            "np.where(self.decision_function(X) <= 0, -1, 1)",
        ),
    ],
    ("_generator/_training.py", "generator/test_generator.py"): [
        ("squares[i] += c.share * residual**2", "squares[i] += residual**2"),
        (
            "update(state.learner, inputs, x / np.where(units > 0, units, 1))",
            "update(state.learner, inputs, x)",
        ),
        (
            "state.queues[target.index] = crowd[: self.queue_size]",
            "state.queues[target.index] = crowd[-self.queue_size :]",
        ),
        ("x += self.step_size * v", "x += v"),
        ("near_enough is None and now.memorization_auc >= LARGEST_AUC", "False"),
        ("near_enough is None and now.memorization_auc", "now.memorization_auc"),
        ("and nearest.energy_distance <= near_enough", "and True"),
        ("near_enough is None or now is nearest", "True"),
        ("distance = share @ distances / share.sum()", "distance = np.mean(distances)"),
    ],
    ("model_selection.py", "tables/test_model_selection.py"): [
        (
            'cv_results["std_test_score"][best] / np.sqrt(n_splits)',
            'cv_results["std_test_score"][best]',
        ),
        (
            "key=lambda i: (bandwidth[i], mean[i])",
            "key=lambda i: (mean[i], bandwidth[i])",
        ),
    ],
    (
        "_drifters/_base.py",
        "drifters/test_drifters.py",
        "drifters/test_persistence.py",
        "engines/test_engines.py",
    ): [
        ("return self.flow_._replace(engine=self.engine)", "return self.flow_"),
        ('            forget(self, "_tracers", "_summary")\n', ""),
    ],
    # -- theory and diagnostics ------------------------------------------------------
    (
        "_theory/jacobian.py",
        "theory/test_statements.py",
        "theory/test_theorems_table.py",
        "diagnostics/test_diagnostics.py",
    ): [
        (
            "np.linalg.norm(twice, axis=(1, 2)) / np.sqrt(2)",
            "np.linalg.norm(twice, axis=(1, 2)) / 2",
        ),
        (
            "return np.inf if lipschitz == 0 else 1 / lipschitz",
            "return np.inf if lipschitz == 0 else 2 / lipschitz",
        ),
    ],
    (
        "_theory/scales.py",
        "theory/test_statements.py",
        "theory/test_theorems_table.py",
        "diagnostics/test_diagnostics.py",
    ): [
        (
            "(self.scale_data - self.scale_model)[:, None] * self.score_data",
            "(self.scale_data - self.scale_model)[:, None] * self.score_model",
        ),
    ],
    (
        "_theory/stein.py",
        "theory/test_statements.py",
        "diagnostics/test_diagnostics.py",
    ): [
        (
            "self_interaction(X, bandwidth, kernel=kernel) - drift",
            "self_interaction(X, bandwidth, kernel=kernel) + drift",
        ),
        (
            "velocity = ensemble.terms(Places(x)).velocity / h**2",
            "velocity = ensemble.terms(Places(x)).velocity / h",
        ),
    ],
    (
        "_theory/density.py",
        "theory/test_statements.py",
        "diagnostics/test_diagnostics.py",
    ): [
        ("return np.exp(2 * log_z - log_z2)", "return np.exp(log_z - log_z2)"),
        (
            "return least * (counts - 1) / (len(counts) - 1)",
            "return least * counts / (len(counts) - 1)",
        ),
    ],
    (
        "_theory/interaction.py",
        "theory/test_statements.py",
        "theory/test_rules.py",
        "diagnostics/test_diagnostics.py",
    ): [
        (
            "result[rows] -= pushed[:, None] * self._shift[rows]",
            "result[rows] += pushed[:, None] * self._shift[rows]",
        ),
        ("start = start - np.vdot(start, q) * q", "pass"),
    ],
    (
        "_theory/rates.py",
        "theory/test_rules.py",
        "theory/test_bounds.py",
        "theory/test_statements.py",
        "theory/test_reproductions_rates.py",
    ): [
        ("return log_ratio / (d + 4 - fit.beta)", "return log_ratio / (d + 4)"),
        (
            "differences = at_particles - (ahead + behind) / 2",
            "differences = at_particles - ahead",
        ),
    ],
    (
        "_theory/occupancy.py",
        "theory/test_bounds.py",
        "theory/test_rules.py",
        "diagnostics/test_diagnostics.py",
        "theory/test_statements.py",
    ): [
        ("np.exp(-(n - 1) * mass / 8)", "np.exp(-(n - 1) * mass / 2)"),
        ("share * below[-1] * (1 - 1e-12)", "share * (1 - 1e-12)"),
    ],
    ("_theory/bounds.py", "theory/test_bounds.py", "theory/test_statements.py"): [
        ("first = 0.5 * eta * speed * growth", "first = eta * speed * growth"),
        ("log_volume = 0.5 * d * np.log(np.pi)", "log_volume = d * np.log(np.pi)"),
    ],
    (
        "_theory/velocity.py",
        "diagnostics/test_diagnostics.py",
        "theory/test_reproductions_shapes.py",
        "theory/test_statements.py",
    ): [
        ("edge, weight) / 2)", "edge, weight))"),
    ],
    ("_theory/coercivity.py", "theory/test_bounds.py", "theory/test_statements.py"): [
        (
            "return gain * self.energy.value - loss",
            "return gain * self.energy.value + loss",
        ),
    ],
    (
        "_theory/ledger.py",
        "diagnostics/test_certificates.py",
        "theory/test_statements.py",
    ): [
        (
            "return float(jacobian.trace() + along)",
            "return float(jacobian.trace() - along)",
        ),
    ],
    ("_theory/rules.py", "theory/test_rules.py", "drifters/test_drifters.py"): [
        (
            "return min(1.0, admissible_step(lipschitz))",
            "return admissible_step(lipschitz)",
        ),
    ],
    ("diagnostics/_entropy.py", "diagnostics/test_certificates.py"): [
        (
            "self.volume + self.target - self.balance",
            "self.volume + self.target + self.balance",
        ),
    ],
    ("diagnostics/_certificate.py", "diagnostics/test_certificates.py"): [
        ("factor = 4 * high**2 / low", "factor = 2 * high**2 / low"),
        (
            "sum(v for k, v in self.terms.items() if k not in _EXTRA)",
            "sum(v for k, v in self.terms.items())",
        ),
    ],
    ("diagnostics/_verdicts.py", "diagnostics/test_diagnostics.py"): [
        (
            "_self_interaction(case) - case.h**2 * value",
            "_self_interaction(case) + case.h**2 * value",
        ),
        ("estimate.error / (2 * root)", "estimate.error / root"),
        (
            "limit = np.sqrt(_LARGEST_FISHER_RATIO) * at_rest",
            "limit = _LARGEST_FISHER_RATIO * at_rest",
        ),
    ],
    ("spectral.py", "theory/test_spectral.py"): [
        (
            "rate = gain * u**2 * kernel.spectrum(u, n_features)",
            "rate = gain * u * kernel.spectrum(u, n_features)",
        ),
        (
            "np.where(t > 0, -np.expm1(-2 * t), 1.0)",
            "np.where(t > 0, -np.expm1(-t), 1.0)",
        ),
        ("return kernel.sharp(), 1.0", "return kernel, 1.0"),
    ],
    ("conventions.py", "bandwidth/test_conventions.py"): [
        ("return _as_given(c * h**p)", "return _as_given(c * h)"),
    ],
}


def all_faults():
    """List the first fault of every file, then the second one, and so on."""
    faults = [
        (i, Fault(file, old, new, tests))
        for (file, *tests), pairs in FAULTS.items()
        for i, (old, new) in enumerate(pairs)
    ]
    return [fault for _, fault in sorted(faults, key=lambda pair: pair[0])]


def mutated(fault):
    """Text of the file with the fault in the place of what must be there once."""
    text = (PROJECT / "skdrift" / fault.file).read_text(encoding="utf-8")
    times = text.count(fault.old)
    if times != 1:
        raise SystemExit(f"{fault.file} has this {times} times, not once: {fault.old}")
    return text.replace(fault.old, fault.new)


def copy_of_project(folder):
    """Copy what tests need, and see that they will import the copy."""
    for name in COPIED:
        source, target = PROJECT / name, folder / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
    code = "import skdrift; print(skdrift.__file__)"
    found = run(folder, "-c", code).stdout.strip()
    if not found.startswith(str(folder)):
        raise SystemExit(f"Tests would import {found}, not the copy in {folder}.")


def run(folder, *arguments, timeout=None):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        timeout=timeout,
        text=True,
        capture_output=True,
        check=False,
    )


def tested(folder, tests):
    """Name of the first test that fails, without its parameters, or None."""
    command = ["-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    try:
        result = run(folder, *command, *tests, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return "(takes too long)"
    if result.returncode == 0:
        return None
    failed = re.findall(r"^(?:FAILED|ERROR) ([^\s\[]+)", result.stdout, re.MULTILINE)
    if not failed:
        raise SystemExit(f"pytest ended with {result.returncode}: {result.stdout}")
    return failed[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("mutations.json"))
    parser.add_argument("--only", default="", help="part of the name of a file")
    parser.add_argument("--check", action="store_true", help="look for the texts only")
    options = parser.parse_args()
    faults = [fault for fault in all_faults() if options.only in fault.file]
    texts = {fault.key: mutated(fault) for fault in faults}
    if options.check:
        print(len(texts), "faults in", len({f.file for f in faults}), "files")
        return
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder).resolve()
        copy_of_project(folder)
        for fault in faults:
            if fault.key not in known:
                known[fault.key] = try_one(folder, fault, texts[fault.key])
                options.out.write_text(json.dumps(known, indent=1))
        noticed = {known[f.key] for f in faults} - {None, "(takes too long)"}
        wrong = tested(folder, sorted(noticed)) if noticed else None
    if wrong:
        raise SystemExit(f"This test fails without any fault: {wrong}")
    survivors = [fault for fault in faults if known[fault.key] is None]
    for fault in survivors:
        print("survived:", fault.key)
    n = len(faults) - len(survivors)
    print(f"{n} of {len(faults)} noticed ({100 * n / len(faults):.1f} %)")


def try_one(folder, fault, text):
    path, began = folder / "skdrift" / fault.file, perf_counter()
    right = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    try:
        found = tested(folder, shlex.split(" ".join(f"tests/{t}" for t in fault.tests)))
    finally:
        path.write_text(right, encoding="utf-8")
    seconds = perf_counter() - began
    print(f"{'survived' if found is None else 'noticed'} {seconds:.0f} s", end=" ")
    print(fault.key, "by", found, flush=True)
    return found


if __name__ == "__main__":
    main()
