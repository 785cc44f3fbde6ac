"""Small tables with their classes, by the protocol of the ForestDiffusion paper.

Every table is split into 80 % to train and 20 % to test, stratified by class, with the
seeds 0 to 2. Every generator is fitted once to a split and draws five times, as many
samples as there are training samples. The class is drawn together with the features: as
additional columns of zeros and ones, of which the largest gives the class.

W1 is the exact Wasserstein distance of the samples to the test data, with the sum of
absolute differences as the cost, features scaled to 0..1 by the training data and a
difference of class counted as 1. Copies of the training data score well, so
memorisation is measured too, on the same columns: memorization_auc (AUC, 0.5 for new
samples and 1 for copies) and closest_record_ratio (DCR, 1 and 0).

Published values are from Jolicoeur-Martineau, Fatras and Kachman, *Generating and
Imputing Tabular Data via Diffusion and Flow-based Gradient-Boosted Trees*, AISTATS
2024, arXiv:2309.09968. The value for the training copy verifies the protocol.

Run ``python benchmarks/forest_protocol.py``; it takes a minute with POT, and some
minutes without.
"""

import argparse
import warnings

import numpy as np
from generators import gaussian_mixture, kernel_density
from scipy.optimize import linprog
from scipy.sparse import eye_array, kron, vstack
from scipy.spatial.distance import cdist
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from skdrift import ConservativeDrifter
from skdrift.metrics import closest_record_ratio, memorization_auc

DATA_SETS = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
}
PUBLISHED = {
    "training copy": (0.236, 1.440, 1.853),
    "Forest-Flow": (0.328, 1.421, 1.749),
    "TabDDPM": (0.329, 1.531, 3.438),
}
SPLITS = range(3)
N_DRAWS = 5

# -- generators: features and classes to several draws of as many rows ----------------


def encode(X, y, n_classes):
    """Features with a column for each class."""
    return np.column_stack([X, np.eye(n_classes)[y]])


def decode(table, n_classes):
    """Features and classes."""
    return table[:, :-n_classes], table[:, -n_classes:].argmax(axis=1)


def drifter(X, y, n_classes, seed):
    fitted = ConservativeDrifter(random_state=seed).fit(encode(X, y, n_classes))
    for k in range(N_DRAWS):
        yield decode(fitted.sample(len(X), random_state=k), n_classes)


def by_class(draw):
    """Generator of features for every class, the classes as frequent as in training."""

    def draws(X, y, n_classes, seed):
        for k in range(N_DRAWS):
            classes = np.sort(np.random.default_rng([seed, k]).choice(y, len(y)))
            counts = np.bincount(classes, minlength=n_classes)
            parts = [draw(X[y == c], n, k) for c, n in enumerate(counts) if n]
            yield np.concatenate(parts), classes

    return draws


def training_copy(X, y, n_classes, seed):
    yield X, y


GENERATORS = {
    "ConservativeDrifter": drifter,
    "GaussianMixture": by_class(gaussian_mixture),
    "KernelDensity": by_class(kernel_density),
    "training copy": training_copy,
}

# -- measuring -----------------------------------------------------------------------


def transport_cost(cost):
    """Smallest mean cost of moving equal weights from rows to columns."""
    try:
        import ot
    except ImportError:
        return transport_by_linear_program(cost)
    return ot.emd2([], [], cost, numItermax=10**7)


def transport_by_linear_program(cost):
    n, m = cost.shape
    leaving = kron(eye_array(n), np.ones((1, m)))
    arriving = kron(np.ones((1, n)), eye_array(m))
    mass = np.repeat([1 / n, 1 / m], [n, m])
    constraints = vstack([leaving, arriving], format="csr")
    # Masses of both sides add up to 1, which makes one constraint redundant.
    plan = linprog(cost.ravel(), A_eq=constraints[:-1], b_eq=mass[:-1], method="highs")
    return plan.fun


def measure(draws, X, y, split):
    """W1, AUC and DCR of one split, averaged over the draws."""
    n_classes = y.max() + 1
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, random_state=split, stratify=y
    )
    scaler = MinMaxScaler().fit(X)
    # Rows of different classes differ in two columns.
    weights = np.repeat([1, 0.5], [X.shape[1], n_classes])

    def scaled(X, y):
        return encode(scaler.transform(X), y, n_classes) * weights

    train, test = scaled(X, y), scaled(X_test, y_test)
    values = []
    for drawn in draws(X, y, n_classes, split):
        rows = scaled(*drawn)
        w1 = transport_cost(cdist(rows, test, "cityblock"))
        auc = memorization_auc(rows, test=test, train=train)
        values.append((w1, auc, closest_record_ratio(rows, test, train)))
    return np.mean(values, axis=0)


def lines(name, generators):
    """Measurements on a data set, then other published values."""
    X, y = DATA_SETS[name](return_X_y=True)
    position = [*DATA_SETS].index(name)
    published = {g: f"{values[position]:.3f}" for g, values in PUBLISHED.items()}
    for generator in generators:
        draws = GENERATORS[generator]
        found = np.array([measure(draws, X, y, split) for split in SPLITS])
        w1, auc, dcr = found.mean(axis=0)
        values = f"{w1:7.3f} {found[:, 0].std():9.3f} {auc:6.2f} {dcr:6.2f}"
        yield generator, values, published.pop(generator, "")
    for generator, w1 in published.items():
        yield generator, "", w1


def main():
    """Print the table, data set by data set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=[*DATA_SETS])
    parser.add_argument(
        "--generators", nargs="+", choices=GENERATORS, default=[*GENERATORS]
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # convergence of mixtures on few rows

    heads = f"{'W1':>7} {'± splits':>9} {'AUC':>6} {'DCR':>6}"
    print(f"{'data':14} {'generator':20} {heads} {'published W1':>13}")
    for name in arguments.data:
        for generator, values, published in lines(name, arguments.generators):
            print(f"{name:14} {generator:20} {values:31} {published:>13}", flush=True)


if __name__ == "__main__":
    main()
