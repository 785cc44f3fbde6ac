"""Attacks on generated samples: what they tell about single training samples."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KernelDensity
from sklearn.utils import check_random_state, check_scalar

from .._docstrings import documented
from ._docs import SHARED
from ._draw import draw
from ._memorization import auc_of_distances
from ._samples import check_samples, nearest_distances

if TYPE_CHECKING:
    from .._typing import ArrayLike, Estimator, Seed

# Resamples of the rows, and the share of them inside an interval.
_N_RESAMPLES, _CONFIDENCE = 500, 0.95
# Folds in which the density of other real rows is estimated.
_N_FOLDS = 5
_SHARED = SHARED | {
    "attacked_train": """
        train : array-like of shape (n_train, n_features)
            Samples that the generator was fitted to, at least two: the members.
        """,
    "attacked_test": """
        test : array-like of shape (n_test, n_features)
            Samples from the same distribution that the generator has not seen, at
            least two.
        """,
    "bad_attack": """
        ValueError
            If an argument is empty or not finite, the columns differ, there are fewer
            than two samples in `train` or `test`, or a parameter is out of its range.
        """,
}


class Estimate(NamedTuple):
    """A value with an interval that contains 95 % of its values over resamples.

    Attributes
    ----------
    value : float
    low, high : float
        Ends of the interval, by the bootstrap of training and held-out samples.
    """

    value: float
    low: float
    high: float


class MembershipRisk(NamedTuple):
    """How well an attack tells training samples from held-out ones.

    Attributes
    ----------
    auc : Estimate
        Area under the ROC curve: 0.5 if it is no better than guessing, 1 if it is
        always right.
    tpr : Estimate
        Share of the training samples that are recognised when at most 1 % of the
        held-out samples are taken for training samples: about 0.01 for guessing.
    """

    auc: Estimate
    tpr: Estimate


@documented(_SHARED)
def membership_inference(
    generated: ArrayLike,
    *,
    test: ArrayLike,
    train: ArrayLike,
    attack: str = "nearest",
    reference: ArrayLike | None = None,
    density: Estimator | None = None,
    max_false_positives: float = 0.01,
    random_state: Seed = None,
) -> MembershipRisk:
    """Whether an attacker can tell training samples from held-out samples.

    The attacker sees the generated samples, gives every candidate a score, and takes
    those with high scores for training samples. The risk is near 0.5 (area under the
    ROC curve) if the samples tell nothing. Training samples are always slightly closer
    to the samples than held-out ones if the generator has learnt anything from them.
    More generated samples tell more, so state their number. Standardise the columns
    first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Samples from a generator that was fitted to `train`.
    {attacked_test}
    {attacked_train}
    attack : {{"nearest", "calibrated", "density"}}, default="nearest"
        Score of a candidate:

        - ``"nearest"``: minus the distance to the nearest generated sample;
        - ``"calibrated"``: log of the distance to the nearest other real sample, minus
          log of the distance to the nearest generated sample, so that samples in thin
          regions are not taken for held-out ones;
        - ``"density"``: log-density of the generated samples minus log-density of other
          real samples, at the candidate.
    reference : array-like of shape (n_reference, n_features), default=None
        Real samples that the attacker has, neither training nor held-out ones, for the
        last two attacks. If None, the other candidates; the density at a candidate is
        then estimated from the other folds of five.
    density : estimator, default=None
        Estimator with ``fit`` and ``score_samples``, which is cloned, for the last
        attack. If None, ``KernelDensity`` with Scott's bandwidth.
    max_false_positives : float, default=0.01
        Largest share of the held-out samples that may be taken for training samples.
    random_state : int, RandomState instance or None, default=None
        Seed of the intervals and folds.

    Returns
    -------
    MembershipRisk
        A named tuple of `auc` and `tpr`, each with ``value``, ``low`` and ``high``.

    Raises
    ------
    {bad_attack}

    See Also
    --------
    shadow_membership_inference : An attacker who can train the generator.
    memorization_auc : Whether generated samples are too close to training samples.

    References
    ----------
    Hilprecht, Härterich and Bernau, *Monte Carlo and Reconstruction Membership
    Inference Attacks against Generative Models*, PoPETs 2019 (nearest samples); Chen,
    Yu, Zhang and Fritz, *GAN-Leaks*, CCS 2020, arXiv:1909.03935, section 4.3
    (calibration); van Breugel, Sun, Qian and van der Schaar, *Membership Inference
    Attacks against Synthetic Data through Overfitting Detection*, AISTATS 2023,
    arXiv:2302.12580 (densities); Carlini et al., *Membership Inference Attacks From
    First Principles*, S&P 2022, arXiv:2112.03570 (rate at few false positives).

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.metrics import membership_inference
    >>> rng = np.random.default_rng(0)
    >>> train, test, fresh = rng.standard_normal((3, 200, 2))
    >>> membership_inference(train, test=test, train=train, random_state=0).auc.value
    1.0
    >>> risk = membership_inference(fresh, test=test, train=train, random_state=0)
    >>> 0.4 < risk.auc.value < 0.6
    True
    """
    _check_attack(attack)
    given = {} if reference is None else {"reference": reference}
    generated, test, train, *others = check_samples(
        generated=generated, test=test, train=train, **given
    )
    _check_two(test=test, train=train)
    check_scalar(max_false_positives, "max_false_positives", Real, min_val=0, max_val=1)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    others = others[0] if others else None
    members, others_of = membership_scores(
        attack, generated, test, train, others, density, seed
    )
    return membership_risk([members], [others_of], max_false_positives, seed)


def membership_scores(attack, generated, test, train, reference, density, seed):
    """Scores of training and of held-out samples; greater for members."""
    candidates = np.concatenate([train, test])
    is_member = np.repeat([True, False], [len(train), len(test)])
    if attack == "density":
        estimator = KernelDensity(bandwidth="scott") if density is None else density
        score = clone(estimator).fit(generated).score_samples(candidates)
        score = score - _reference_density(
            estimator, candidates, is_member, reference, seed
        )
    else:
        score = -nearest_distances(candidates, generated)
        if attack == "calibrated":
            score = log_ratio(real_distances(candidates, reference), -score)
    return score[is_member], score[~is_member]


def log_ratio(real, drawn):
    """Log of the ratio of two distances; equal ones, 0 as well, have the log 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.log(real) - np.log(drawn)
    return np.where(real == drawn, 0.0, score)


def real_distances(candidates, reference=None):
    """Distances to the nearest reference sample, or else to the nearest other one."""
    if reference is None:
        return nearest_distances(candidates, candidates, 2)
    return nearest_distances(candidates, reference)


def _reference_density(estimator, candidates, is_member, reference, seed):
    if reference is not None:
        return clone(estimator).fit(reference).score_samples(candidates)
    n_folds = min(_N_FOLDS, *np.bincount(is_member))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    score = np.empty(len(candidates))
    for rest, fold in folds.split(candidates, is_member):
        fitted = clone(estimator).fit(candidates[rest])
        score[fold] = fitted.score_samples(candidates[fold])
    return score


def membership_risk(members, others, max_false_positives, seed):
    """Risk by scores of members and non-members, of one or several attacks."""

    def measures(members, others):
        members, others = np.concatenate(members), np.concatenate(others)
        auc = auc_of_distances(-members, -others)
        return auc, recognised(members, others, max_false_positives)

    value = measures(members, others)
    rng = check_random_state(seed)
    resampled = [
        measures(
            *([_resampled(s, rng) for s in scores] for scores in (members, others))
        )
        for _ in range(_N_RESAMPLES)
    ]
    return MembershipRisk(*estimates(value, resampled))


def recognised(members, others, max_false_positives):
    """Share of members above the score that few enough of the others exceed."""
    n_allowed = int(np.floor(max_false_positives * len(others)))
    if n_allowed == len(others):
        return 1.0
    threshold = np.sort(others)[len(others) - 1 - n_allowed]
    return float(np.mean(members > threshold))


def estimates(values, resampled):
    """Values with their intervals over resamples."""
    tail = 0.5 * (1 - _CONFIDENCE)
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return [Estimate(*map(float, ends)) for ends in zip(values, low, high, strict=True)]


def _resampled(rows, rng):
    return rows[rng.randint(len(rows), size=len(rows))]


@documented(_SHARED)
def shadow_membership_inference(
    estimator: Estimator,
    X: ArrayLike,
    *,
    n_shadows: int = 8,
    n_samples: int | None = None,
    max_false_positives: float = 0.01,
    random_state: Seed = None,
) -> MembershipRisk:
    """Membership inference by an attacker who can train the same generator.

    The generator is fitted to random halves of the samples, in pairs of a half and its
    complement. Each fit is attacked with the help of the others: the score of a sample
    is the mean log of its distance to the nearest draw of the generators that were
    fitted without it, minus the log of this distance for the attacked one. Samples
    that are hard to reach are therefore compared with themselves.

    Parameters
    ----------
    estimator : object
        Generator that is not fitted, with methods ``fit`` and ``sample``, or a pipeline
        that ends in one. It is cloned.
    X : array-like of shape (n_samples, n_features)
        Samples from the distribution of the data, at least four. Standardise them if
        their units differ.
    n_shadows : int, default=8
        Number of fits, even, at least 4.
    n_samples : int, default=None
        Number of draws from each fit. If None, as many as it was fitted to.
    max_false_positives : float, default=0.01
        As in :func:`membership_inference`.
    random_state : int, RandomState instance or None, default=None
        Seed of halves, draws and intervals.

    Returns
    -------
    MembershipRisk
        A named tuple of `auc` and `tpr`, each with ``value``, ``low`` and ``high``.

    Raises
    ------
    ValueError
        If there are fewer than four samples, a value is not finite, or a parameter is
        out of its range.
    TypeError
        If the estimator has no method ``sample``.

    References
    ----------
    Shokri, Stronati, Song and Shmatikov, *Membership Inference Attacks Against Machine
    Learning Models*, S&P 2017, arXiv:1610.05820 (shadow models); Watson, Guo, Cormode
    and Sablayrolles, *On the Importance of Difficulty Calibration in Membership
    Inference Attacks*, ICLR 2022, arXiv:2111.08440, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KernelDensity
    >>> from skdrift.metrics import shadow_membership_inference
    >>> copying = KernelDensity(bandwidth=0.01)
    >>> risk = shadow_membership_inference(copying, load_iris().data, random_state=0)
    >>> risk.auc.value > 0.8
    True
    """
    (X,) = check_samples(X=X, min_rows=4)
    check_scalar(n_shadows, "n_shadows", Integral, min_val=4)
    if n_shadows % 2:
        raise ValueError(
            f"'n_shadows' must be even, for pairs of halves; got {n_shadows}."
        )
    if n_samples is not None:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(max_false_positives, "max_false_positives", Real, min_val=0, max_val=1)
    rng = check_random_state(random_state)
    is_member = _halves(len(X), n_shadows, rng)
    log_distance = np.array(
        [_log_distance(estimator, X, fitted, n_samples, rng) for fitted in is_member]
    )
    members, others = [], []
    for k, member in enumerate(is_member):
        out = ~is_member
        out[k] = False
        # Of every sample at least one other fit is without it: a pair has one.
        weight = out / out.sum(axis=0)
        score = (weight * log_distance).sum(axis=0) - log_distance[k]
        members.append(score[member])
        others.append(score[~member])
    return membership_risk(
        members, others, max_false_positives, rng.randint(np.iinfo(np.int32).max)
    )


def _halves(n, n_shadows, rng):
    """Which rows are in which fit; fits are pairs of a half and its complement."""
    halves = []
    for _ in range(n_shadows // 2):
        half = np.zeros(n, dtype=bool)
        half[rng.permutation(n)[: n // 2]] = True
        halves += [half, ~half]
    return np.array(halves)


def _log_distance(estimator, X, fitted, n_samples, rng):
    """Logs of the distances of all rows to the draws of a fit to some of them."""
    seed = rng.randint(np.iinfo(np.int32).max)
    generator = clone(estimator).fit(X[fitted])
    drawn = draw(generator, n_samples or int(fitted.sum()), seed)
    distance = nearest_distances(X, np.asarray(drawn, dtype=np.float64))
    # Copies are at 0: a distance far below all others stands for it.
    return np.log(np.maximum(distance, 1e-12 * distance.max() or 1.0))


@documented(_SHARED)
def isolated_row_ratio(
    generated: ArrayLike,
    *,
    test: ArrayLike,
    train: ArrayLike,
    share: float = 0.05,
    random_state: Seed = None,
) -> Estimate:
    """Whether samples give isolated training samples away, such as rare patients.

    Isolated samples are the `share` of the training samples, and likewise of the
    held-out samples, with the largest distances to the nearest other real sample. The
    ratio is the median distance of isolated training samples to the nearest generated
    sample, over this median of isolated held-out samples. It is about 1 if the
    generator treats isolated training samples like any that it has not seen, and 0 if
    it copies them. Standardise the columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Samples from a generator that was fitted to `train`.
    {attacked_test}
    {attacked_train}
    share : float, default=0.05
        Share of the samples that count as isolated, one sample at least.
    random_state : int, RandomState instance or None, default=None
        Seed of the interval.

    Returns
    -------
    Estimate
        A named tuple of ``value``, ``low`` and ``high``. The value is NaN if both
        medians are 0.

    Raises
    ------
    {bad_attack}

    See Also
    --------
    membership_inference : The same for all samples.

    References
    ----------
    Stadler, Oprisanu and Troncoso, *Synthetic Data -- Anonymisation Groundhog Day*,
    USENIX Security 2022, arXiv:2011.07018, on the risk of outliers.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.metrics import isolated_row_ratio
    >>> train, test = np.random.default_rng(0).standard_normal((2, 100, 3))
    >>> isolated_row_ratio(train, test=test, train=train, random_state=0).value
    0.0
    """
    generated, test, train = check_samples(generated=generated, test=test, train=train)
    _check_two(test=test, train=train)
    check_scalar(share, "share", Real, min_val=0, max_val=1)
    members, others = isolated_distances(generated, test, train, share)

    def ratio(members, others):
        top, bottom = np.median(members), np.median(others)
        with np.errstate(divide="ignore", invalid="ignore"):
            return [np.divide(top, bottom)]

    rng = check_random_state(random_state)
    resampled = [
        ratio(_resampled(members, rng), _resampled(others, rng))
        for _ in range(_N_RESAMPLES)
    ]
    return estimates(ratio(members, others), resampled)[0]


def isolated_distances(generated, test, train, share):
    """Distances of isolated training and held-out samples to the nearest draw."""
    isolation = real_distances(np.concatenate([train, test]))
    parts = []
    for rows, isolated in (
        (train, isolation[: len(train)]),
        (test, isolation[len(train) :]),
    ):
        n = max(1, round(share * len(rows)))
        chosen = np.argsort(isolated, kind="stable")[-n:]
        parts.append(nearest_distances(rows[chosen], generated))
    return parts


def _check_attack(attack):
    if attack not in ("nearest", "calibrated", "density"):
        raise ValueError(
            "The 'attack' parameter must be 'nearest', 'calibrated' or 'density'; got "
            f"{attack!r}."
        )


def _check_two(**samples):
    for name, rows in samples.items():
        if len(rows) < 2:
            raise ValueError(f"'{name}' must have at least two samples; got 1.")
