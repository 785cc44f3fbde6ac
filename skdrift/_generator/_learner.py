"""The regressor of a generator: made, updated, averaged, asked."""

from copy import deepcopy

import numpy as np
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor

from .._threads import one_blas_thread

# Weights are averaged over about the last eighth of the steps: the later the heavier.
_AVERAGE_POWER = 8


def new_learner(generator, batch_size, seed):
    """Regressor that the parameter `generator` stands for, not trained yet.

    Its random numbers have the seed, unless it has a random state of its own.
    """
    if generator is None:
        # No shuffling and no penalty, as every batch is fresh.
        return MLPRegressor(
            hidden_layer_sizes=(128, 128),
            learning_rate_init=5e-3,
            batch_size=min(128, batch_size),
            shuffle=False,
            alpha=0,
            random_state=seed,
        )
    learner = _updatable(clone(generator))
    if learner.get_params().get("random_state", seed) is None:
        learner.set_params(random_state=seed)
    return learner


def _updatable(generator):
    """The regressor, set up so that it can be updated."""
    if hasattr(generator, "partial_fit"):
        return generator
    if "warm_start" in generator.get_params():
        return generator.set_params(warm_start=True)
    raise ValueError(
        "The 'generator' parameter must be a regressor with partial_fit, or with a "
        f"warm_start parameter; got {generator!r}, which can only be fitted from "
        "scratch. Use sklearn.neural_network.MLPRegressor, or wrap your own."
    )


def update(learner, inputs, outputs):
    outputs = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    step = learner.partial_fit if hasattr(learner, "partial_fit") else learner.fit
    with one_blas_thread():
        step(inputs, outputs)


def outputs_of(learner, inputs):
    """Outputs of the regressor, always two-dimensional."""
    with one_blas_thread():
        rows = learner.predict(inputs)
    rows = np.asarray(rows, np.float32).reshape(len(inputs), -1)
    if not np.isfinite(rows).all():
        raise FloatingPointError(
            "The rows that the generator gives are not finite. Use a smaller step_size "
            "or a generator with a smaller learning rate."
        )
    return rows


class Average:
    """Running average of a network's weights, in place of a falling learning rate.

    The weights of step t count about ``t ** 8``: polynomial-decay averaging, without
    a horizon (Shamir and Zhang, *Stochastic Gradient Descent for Non-smooth
    Optimization*, ICML 2013, section 4). Only scikit-learn's networks are averaged.
    """

    def __init__(self):
        self._n_updates = 0
        self._mean = []

    def update(self, learner):
        weights = _weights(learner)
        if not self._mean:
            self._mean = [w.astype(np.float64) for w in weights]
        rate = (1 + _AVERAGE_POWER) / (1 + _AVERAGE_POWER + self._n_updates)
        self._n_updates += 1
        for mean, w in zip(self._mean, weights, strict=True):
            mean += rate * (w - mean)

    def of(self, learner):
        """A copy of the regressor with the averaged weights."""
        averaged = deepcopy(learner)
        for w, mean in zip(_weights(averaged), self._mean, strict=True):
            w[...] = mean
        return averaged


def _weights(learner):
    if not isinstance(learner, MLPRegressor):
        return []
    return [*learner.coefs_, *learner.intercepts_]
