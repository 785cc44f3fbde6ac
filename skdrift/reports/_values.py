"""Values of all metrics of a report, and of the same metrics for fresh data."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from .._threads import threads_for_trees
from ..metrics import (
    alpha_precision,
    beta_recall,
    classifier_two_sample_test,
    coverage,
    density,
    energy_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
)
from ..metrics._attacks import (
    ATTACKS,
    density_scores,
    guesses,
    isolated_distances,
    log_ratio,
    ratio_of_medians,
    recognised,
)
from ..metrics._columns import faults_of, shape_of, trend_of
from ..metrics._memorization import auc_of_distances, share_of_near
from ..metrics._tables import coded, is_missing

# Trees of the classifiers: with more, values of fresh data vary more.
_N_TREES = 30
# A numeric target with at most this many values is treated as classes.
_MAX_CLASSES = 20
_FALSE_POSITIVES = 0.01


class Metric(NamedTuple):
    """What a number means.

    Attributes
    ----------
    group, name : str
    better : {"lower", "higher", "fresh"}
        Which values are better, or that deviations of either sign are bad.
    """

    group: str
    name: str
    better: str


METRICS = [
    Metric("columns", "column_shape", "higher"),
    Metric("columns", "worst_column_shape", "higher"),
    Metric("columns", "missing_difference", "lower"),
    Metric("pairs", "pair_trend", "higher"),
    Metric("pairs", "worst_pair_trend", "higher"),
    Metric("rows", "energy_distance", "lower"),
    Metric("rows", "maximum_mean_discrepancy", "lower"),
    Metric("rows", "sliced_wasserstein_distance", "lower"),
    Metric("rows", "classifier_two_sample_test", "lower"),
    Metric("rows", "density", "fresh"),
    Metric("rows", "coverage", "higher"),
    Metric("rows", "alpha_precision", "higher"),
    Metric("rows", "beta_recall", "higher"),
    Metric("utility", "train_on_synthetic_score", "higher"),
    Metric("support", "support_violations", "lower"),
    Metric("memorization", "exact_copy_share", "lower"),
    Metric("memorization", "near_copy_share", "lower"),
    Metric("memorization", "memorization_auc", "lower"),
    Metric("memorization", "closest_record_ratio", "higher"),
    *(Metric("privacy", f"{attack}_auc", "lower") for attack in ATTACKS),
    Metric("privacy", "nearest_tpr", "lower"),
    Metric("privacy", "isolated_row_ratio", "higher"),
    Metric("privacy", "attribute_gain", "lower"),
]
# Metrics that change by whole rows, and may vary little in few splits.
SHARES = {
    "missing_difference",
    "coverage",
    "train_on_synthetic_score",
    "support_violations",
    "exact_copy_share",
    "near_copy_share",
    "nearest_tpr",
    "attribute_gain",
}
# Values if nothing is copied or given away. For other metrics, fresh data tell.
NO_LEAK = {
    "memorization_auc": 0.5,
    "closest_record_ratio": 1.0,
    **{f"{attack}_auc": 0.5 for attack in ATTACKS},
    "nearest_tpr": _FALSE_POSITIVES,
    "isolated_row_ratio": 1.0,
    "attribute_gain": 0.0,
}


class Values(NamedTuple):
    """Values of metrics, by name, of every column, and of every pair.

    Attributes
    ----------
    metrics : dict of float
    shapes, faults : ndarray of shape (n_columns,)
    trends : ndarray of shape (n_pairs,)
    """

    metrics: dict
    shapes: np.ndarray
    faults: np.ndarray
    trends: np.ndarray


class Meter:
    """Measures generated rows, and fresh ones in the same way.

    Fresh data are real rows: they are split anew, at random, into rows that are taken
    for training rows and the rest. For fidelity and utility, the former take the place
    of the generated rows, and the latter of the held-out rows. Whether samples are
    copies, or give training rows away, is decided with the generated rows in place: for
    samples that do not depend on which rows were training rows, every split is alike.

    Parameters
    ----------
    tables : Tables
    target : int or None
        Place of the column that is predicted, and that is a secret.
    max_rows : int
        Number of rows that are compared by distances and classifiers.
    rng : RandomState
    """

    def __init__(self, tables, target, max_rows, rng):
        self._tables, self._target, self._max_rows = tables, target, max_rows
        self._rng = rng
        n_train = int(tables.is_train.sum())
        # Equal numbers of generated and of fresh rows: distances depend on them.
        self._n = min(n_train, len(tables.codes["generated"]))
        self._scores = self._membership_scores()
        self._guessed = self._guesses()

    def generated(self):
        """Values of the generated rows."""
        is_train = self._tables.is_train
        n_generated = len(self._tables.codes["generated"])
        some = self._rng.permutation(n_generated)[: self._n]
        test = np.flatnonzero(~is_train)
        values = self._fidelity("generated", some, test)
        every = np.arange(n_generated)
        faults = self._support("generated", every, np.flatnonzero(is_train))
        return self._with_leaks(values, faults, is_train)

    def fresh(self):
        """Values of fresh rows, by a random split of the real ones."""
        is_train = self._rng.permutation(self._tables.is_train)
        train, test = np.flatnonzero(is_train), np.flatnonzero(~is_train)
        some = self._rng.permutation(train)[: self._n]
        values = self._fidelity("real", some, test)
        faults = self._support("real", test, train)
        return self._with_leaks(values, faults, is_train)

    def no_leak(self):
        """Values of metrics of copying if nothing is copied."""
        is_train = self._tables.is_train
        fresh = self._tables.to_nearest("real", is_train)[~is_train]
        return NO_LEAK | self._copies(fresh, is_train)

    def _with_leaks(self, values, faults, is_train):
        metrics = values.metrics | self._memorization(is_train)
        metrics |= self._privacy(is_train)
        metrics["support_violations"] = faults.any(axis=0).mean()
        return values._replace(metrics=metrics, faults=faults.mean(axis=1))

    # -- fidelity and utility --

    def _fidelity(self, key, first, reference):
        columns = self._tables.pair(key, first, reference)
        shapes = np.array([shape_of(c, "first", "reference") for c in columns])
        trends = np.array(
            [trend_of(*c, "first", "reference") for c in combinations(columns, 2)]
        )
        gaps = [
            abs(is_missing(c, "first").mean() - is_missing(c, "reference").mean())
            for c in columns
        ]
        metrics = {
            "column_shape": shapes.mean(),
            "worst_column_shape": shapes.min(),
            "missing_difference": max(gaps),
        }
        if np.isfinite(trends).any():
            metrics["pair_trend"] = np.nanmean(trends)
            metrics["worst_pair_trend"] = np.nanmin(trends)
        few = self._rng.permutation(reference)[: self._max_rows]
        metrics |= self._distances(key, first[: self._max_rows], few)
        metrics |= self._utility(key, first[: self._max_rows], few)
        return Values(metrics, shapes, np.empty(0), trends)

    def _distances(self, key, first, reference):
        X, Y = self._tables.codes[key][first], self._tables.codes["real"][reference]
        seed = self._seed()
        n_leaf = min(20, 1 + (len(X) + len(Y)) // 10)
        trees = HistGradientBoostingClassifier(
            max_iter=_N_TREES, min_samples_leaf=n_leaf, random_state=seed
        )
        return {
            "energy_distance": energy_distance(X, Y),
            "maximum_mean_discrepancy": maximum_mean_discrepancy(X, Y, unbiased=False),
            "sliced_wasserstein_distance": sliced_wasserstein_distance(
                X, Y, random_state=seed
            ),
            "classifier_two_sample_test": classifier_two_sample_test(
                X, Y, classifier=trees, random_state=seed
            ),
            "density": density(X, Y),
            "coverage": coverage(X, Y),
            "alpha_precision": alpha_precision(X, Y),
            "beta_recall": beta_recall(X, Y),
        }

    def _utility(self, key, first, reference):
        if self._target is None:
            return {}
        columns = self._tables.pair(key, first, reference)
        target = columns.pop(self._target)
        if not columns:
            return {}
        codes = coded(columns, "reference")
        known = {part: ~is_missing(target, part) for part in ("first", "reference")}
        X, Y = (codes[part][known[part]] for part in known)
        x, y = (target.parts[part][known[part]] for part in known)
        real = self._tables.columns[self._target].parts["real"]
        n_values = len(np.unique(real[np.isfinite(real)]))
        amounts = target.kind != "category" and n_values > _MAX_CLASSES
        leaf = min(20, 1 + len(X) // 10)
        trees = (
            HistGradientBoostingRegressor if amounts else HistGradientBoostingClassifier
        )(max_iter=_N_TREES, min_samples_leaf=leaf, random_state=self._seed())
        if not amounts and len(np.unique(x)) < 2:  # nothing but a constant is learnt
            return {"train_on_synthetic_score": float(np.mean(y == x[0]))}
        with threads_for_trees(X.size):
            score = trees.fit(X, x).score(Y, y)
        return {"train_on_synthetic_score": float(score)}

    def _support(self, key, rows, known):
        columns = self._tables.pair(key, rows, known)
        return np.array(
            [faults_of(c, "first", "reference").any(axis=0) for c in columns]
        )

    # -- copies and leaks --

    def _memorization(self, is_train):
        drawn = self._tables.to_nearest("generated", is_train)
        fresh = self._tables.to_nearest("real", is_train)[~is_train]
        return self._copies(drawn, is_train) | {
            "memorization_auc": auc_of_distances(drawn, fresh),
            "closest_record_ratio": ratio_of_medians(drawn, fresh),
        }

    def _copies(self, distance, is_train):
        within = self._tables.to_nearest("real", is_train)[is_train]
        return {
            "exact_copy_share": float(np.mean(distance == 0)),
            "near_copy_share": share_of_near(distance, within),
        }

    def _privacy(self, is_train):
        metrics = {}
        for attack, score in self._scores.items():
            members, strangers = score[is_train], score[~is_train]
            metrics[f"{attack}_auc"] = auc_of_distances(-members, -strangers)
            if attack == "nearest":
                tpr = recognised(members, strangers, _FALSE_POSITIVES)
                metrics["nearest_tpr"] = tpr
        tables = self._tables
        parts = isolated_distances(tables.isolation, tables.to_generated, is_train)
        metrics["isolated_row_ratio"] = ratio_of_medians(*parts)
        if self._guessed is not None:
            known, guessed = self._guessed
            members, strangers = guessed[is_train[known]], guessed[~is_train[known]]
            if len(members) and len(strangers):
                # The risk itself is divided by what is left to guess, which may be 0.
                metrics["attribute_gain"] = members.mean() - strangers.mean()
        return metrics

    def _membership_scores(self):
        tables, codes = self._tables, self._tables.codes
        return {
            "nearest": -tables.to_generated,
            "calibrated": log_ratio(tables.isolation, tables.to_generated),
            "density": density_scores(
                codes["generated"], codes["real"], tables.is_train, seed=self._seed()
            ),
        }

    def _guesses(self):
        """Which real rows have a secret, and which of these secrets are guessed."""
        if self._target is None or len(self._tables.columns) < 2:
            return None
        columns = [
            column._replace(parts=column.parts | {"train": column.parts["real"]})
            for column in self._tables.columns
        ]
        known = ~is_missing(columns[self._target], "real")
        return known, guesses(columns, self._target, "real")

    def _seed(self):
        return int(self._rng.randint(np.iinfo(np.int32).max))
