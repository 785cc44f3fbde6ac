"""Fidelity and speed of the one-step generator on four distributions in the plane.

The energy distance between 2048 generated samples (mean of 5 draws) and 20,000 fresh
ones, relative to as many fresh samples (mean of 20), columns standardised; the share of
generated samples farther from 200,000 fresh ones than 99 % of other fresh samples are;
the memorisation AUC (0.5 for new samples, 1 for copies); CPU seconds of the fit and of
10^6 samples.

    python benchmarks/one_step.py --seeds 3
"""

import argparse
import time

import numpy as np
from scipy.spatial import cKDTree

from skdrift import ConservativeDrifter, DriftGenerator
from skdrift.metrics import energy_distance, memorization_auc

N = 2048


def gaussians(n, rng):
    """Eight narrow Gaussians on a circle."""
    angle = 2 * np.pi * rng.integers(0, 8, n) / 8
    centre = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    return centre + 0.1 * rng.standard_normal((n, 2))


def checkerboard(n, rng):
    """Eight of sixteen squares."""
    x = rng.uniform(-2, 2, n)
    y = rng.uniform(0, 1, n) + np.floor(x) % 2 + 2 * rng.integers(-1, 1, n)
    return np.column_stack([x, y])


def moons(n, rng):
    """Two half circles, independent draws (scikit-learn spaces them evenly)."""
    angle, upper = np.pi * rng.random(n), rng.random(n) < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    return np.column_stack([x, y]) + 0.05 * rng.standard_normal((n, 2))


def spirals(n, rng):
    """Two spirals of one and a half turns."""
    angle = 3 * np.pi * np.sqrt(rng.uniform(0.02, 1, n))
    arm = rng.choice([-1, 1], n) * angle / 3
    rows = np.column_stack([arm * np.cos(angle), arm * np.sin(angle)])
    return rows + 0.08 * rng.standard_normal((n, 2))


PROBLEMS = {draw.__name__: draw for draw in (gaussians, checkerboard, moons, spirals)}


class Judge:
    """Distances to one distribution, relative to fresh samples."""

    def __init__(self, draw):
        rng = np.random.default_rng(999)
        self.draw = draw
        rows = draw(200_000, rng)
        self.std = rows.std(axis=0)
        self.reference = rows[:20_000] / self.std
        self.tree = cKDTree(rows / self.std)
        fresh = [draw(N, rng) for _ in range(20)]
        self.unit = np.mean([self.energy(rows) for rows in fresh])
        far = [self.tree.query(rows / self.std)[0] for rows in fresh]
        self.far = np.quantile(far, 0.99)

    def energy(self, rows):
        """Energy distance to the distribution, columns standardised."""
        return energy_distance(rows / self.std, self.reference)

    def __call__(self, samples, train, seed):
        """Energy ratio, share off the support, memorisation AUC."""
        rows = np.concatenate(samples)
        test = self.draw(N, np.random.default_rng(5000 + seed))
        return (
            np.mean([self.energy(sample) for sample in samples]) / self.unit,
            np.mean(self.tree.query(rows / self.std)[0] > self.far),
            memorization_auc(
                rows / self.std, test=test / self.std, train=train / self.std
            ),
        )


def timed(action):
    """Result, CPU seconds and wall-clock seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = action()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def main():
    """Print one line per distribution, generator and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int)
    parser.add_argument("--drifter", action="store_true", help="the flow as well")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
    arguments = parser.parse_args()
    given = {} if arguments.max_iter is None else {"max_iter": arguments.max_iter}
    print("problem,generator,seed,energy,off support,auc,fit cpu,fit wall,million cpu")
    for problem in arguments.problems:
        draw = PROBLEMS[problem]
        judge = Judge(draw)
        for seed in range(arguments.seeds):
            X = draw(N, np.random.default_rng(seed))
            models = [DriftGenerator(random_state=seed, **given)]
            if arguments.drifter:
                models.append(ConservativeDrifter(random_state=seed))
            for model in models:
                _, cpu, wall = timed(lambda model=model, X=X: model.fit(X))
                drawn = model.sample(5 * N)
                quality = judge(drawn.reshape(5, N, -1), X, seed)
                million = np.nan
                if isinstance(model, DriftGenerator):
                    million = timed(lambda model=model: model.sample(10**6))[1]
                numbers = (*quality, cpu, wall, million)
                name = type(model).__name__
                print(f"{problem},{name},{seed}", end=",")
                print(*(f"{x:.3g}" for x in numbers), sep=",", flush=True)


if __name__ == "__main__":
    main()
