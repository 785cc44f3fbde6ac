"""Errors of approximate sums in many columns: parts of the rows, slices, features.

Data are 10,000 normal rows, queries 100 more. The gradient of their Gaussian kernel
density, as a displacement in bandwidths, is compared with the sum over all rows:

* another sample of as many rows: the statistical error that the data have anyway;
* a part of the rows;
* slicing (Hertrich et al., arXiv:2410.01316): one-dimensional sums over random
  orthogonal directions, here exact, so that the error is that of slicing alone;
* random Fourier features (Rahimi and Recht, NeurIPS 2007).

Columns: median error of the displacement in bandwidths, median relative error of the
density, and share of queries with a density that is not positive. Run

    python benchmarks/approximations.py
"""

import numpy as np
from scipy.special import hyp1f1

N, N_QUERIES = 10_000, 100
# Columns, and the default bandwidth of so many rows in units of standard deviations.
CASES = ((4, 0.49), (10, 1.22))


def exact(x, y, h):
    """Kernel density and its gradient times h, summed over all rows y."""
    square = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    kernel = np.exp(-0.5 * square / h**2)
    p = kernel.mean(axis=1)
    return p, (kernel @ y / len(y) - p[:, None] * x) / h


def sliced(x, y, h, n_directions, rng):
    d = y.shape[1]
    blocks = [
        np.linalg.qr(rng.normal(size=(d, d)))[0].T for _ in range(n_directions // d + 1)
    ]
    directions = np.concatenate(blocks)[:n_directions]
    # The one-dimensional kernel whose mean over directions is the Gaussian.
    t = np.linspace(0, 2 * np.abs(y @ directions.T).max() + 1, 20_001)
    values = hyp1f1(d / 2, 0.5, -0.5 * (t / h) ** 2)
    slopes = np.gradient(values, t)
    p, gradient = np.zeros(len(x)), np.zeros(x.shape)
    for direction in directions:
        offset = (x @ direction)[:, None] - y @ direction
        p += np.interp(np.abs(offset), t, values).mean(axis=1)
        slope = np.interp(np.abs(offset), t, slopes) * np.sign(offset)
        gradient += slope.mean(axis=1)[:, None] * direction
    return p / n_directions, h * gradient / n_directions


def features(x, y, h, n_features, rng):
    p, gradient = np.zeros(len(x)), np.zeros(x.shape)
    for _ in range(n_features // 500):
        frequency = rng.normal(size=(500, y.shape[1])) / h
        cos, sin = (f(y @ frequency.T).mean(axis=0) for f in (np.cos, np.sin))
        angle = x @ frequency.T
        p += (np.cos(angle) * cos + np.sin(angle) * sin).sum(axis=1)
        gradient += (np.cos(angle) * sin - np.sin(angle) * cos) @ frequency
    return p / n_features, h * gradient / n_features


def main():
    print(f"{'columns':>8}{'':28}{'displacement':>13}{'density':>9}{'not > 0':>9}")
    for d, h in CASES:
        rng = np.random.default_rng(0)
        y, other = rng.normal(size=(2, N, d))
        x = rng.normal(size=(N_QUERIES, d))
        p, gradient = exact(x, y, h)
        displacement = gradient / p[:, None]
        for what, (q, approximate) in {
            "another sample": exact(x, other, h),
            "2000 of the rows": exact(x, y[:2000], h),
            "100 slices": sliced(x, y, h, 100, rng),
            "1000 slices": sliced(x, y, h, 1000, rng),
            "1000 features": features(x, y, h, 1000, rng),
            "10,000 features": features(x, y, h, 10_000, rng),
        }.items():
            error = np.linalg.norm(approximate / q[:, None] - displacement, axis=1)
            relative = np.median(np.abs(q / p - 1))
            print(f"{d:8}  {what:26}{np.median(error):13.3f}{relative:9.3f}", end="")
            print(f"{np.mean(q <= 0):9.2f}", flush=True)


if __name__ == "__main__":
    main()
