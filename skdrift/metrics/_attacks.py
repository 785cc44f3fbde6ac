"""Attacks on generated samples: what they tell about single training samples."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils import _safe_indexing, check_random_state, check_scalar

from .._data._neighbors import Neighbors
from .._docstrings import documented
from .._estimator import VersionedStateMixin
from ._columns import import_pandas
from ._docs import SHARED
from ._draw import draw
from ._memorization import auc_of_distances
from ._samples import distance_tiles, nearest_distances
from ._tables import coded, comparable, is_missing, shared_columns
from ._utility import place_of

if TYPE_CHECKING:
    from .._typing import Estimator, Seed, Table

# Resamples of the rows, and the share of them inside an interval.
_N_RESAMPLES, _CONFIDENCE = 500, 0.95
ATTACKS = ("nearest", "calibrated", "density")
# Folds in which the density of other real rows is estimated.
_N_FOLDS = 5
_SHARED = SHARED | {
    "attacked": """
        generated : array-like or DataFrame of shape (n_generated, n_columns)
            Samples from a generator that was fitted to `train`.
        """,
    "attacked_train": """
        train : array-like or DataFrame of shape (n_train, n_columns)
            Samples that the generator was fitted to, at least two. All tables are
            arrays of finite numbers, or frames of pandas or polars, with columns of any
            type and missing values.
        """,
    "attacked_test": """
        test : array-like or DataFrame of shape (n_test, n_columns)
            Samples from the same distribution that the generator has not seen, at
            least two.
        """,
    "standardize": """
        standardize : bool, default=True
            Whether to divide numbers by their standard deviations in `train`.
        """,
    "max_false_positives": """
        max_false_positives : float, default=0.01
            Largest share of the held-out samples that may be taken for training
            samples.
        """,
    "interval_seed": """
        random_state : int, RandomState instance or None, default=None
            Seed of the intervals and folds.
        """,
    "bad_attack": """
        ValueError
            If the columns differ in name, order or type, or one has no values or
            infinite ones, an array is not finite, there are fewer than two samples in
            `train` or `test`, or a parameter is out of its range.
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
    generated: Table,
    *,
    test: Table,
    train: Table,
    attack: str = "nearest",
    reference: Table | None = None,
    density: Estimator | None = None,
    standardize: bool = True,
    max_false_positives: float = 0.01,
    random_state: Seed = None,
) -> MembershipRisk:
    """Whether an attacker can tell training samples from held-out samples.

    The attacker sees the generated samples, gives every candidate a score, and takes
    those with high scores for training samples. The risk is near 0.5 (area under the
    ROC curve) if the samples tell nothing. Training samples are always slightly closer
    to the samples than held-out ones if the generator has learnt anything from them.
    More generated samples tell more, so state their number.

    Parameters
    ----------
    {attacked}
    {attacked_test}
    {attacked_train}
    attack : {"nearest", "calibrated", "density"}, default="nearest"
        Score of a candidate:

        - ``"nearest"``: minus the distance to the nearest generated sample;
        - ``"calibrated"``: log of the distance to the nearest other real sample, minus
          log of the distance to the nearest generated sample, so that samples in thin
          regions are not taken for held-out ones;
        - ``"density"``: log-density of the generated samples minus log-density of other
          real samples, at the candidate.
    reference : array-like or DataFrame of shape (n_reference, n_columns), default=None
        Real samples that the attacker has, neither training nor held-out ones, for the
        last two attacks. If None, the other candidates; the density at a candidate is
        then estimated from the other folds of five.
    density : estimator, default=None
        Estimator with ``fit`` and ``score_samples``, which is cloned, for the last
        attack. If None, Gaussians with Scott's bandwidth. It is fitted to
        numbers that code the columns.
    {standardize}
    {max_false_positives}
    {interval_seed}

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
    check_scalar(max_false_positives, "max_false_positives", Real, min_val=0, max_val=1)
    given = {} if reference is None else {"reference": reference}
    train, test, generated, *others = comparable(
        "train",
        standardize=standardize,
        train=train,
        test=test,
        generated=generated,
        **given,
    )
    _check_two(test=test, train=train)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    candidates = np.concatenate([train, test])
    is_member = np.repeat([True, False], [len(train), len(test)])
    score = _membership_scores(
        attack,
        generated,
        candidates,
        is_member,
        others[0] if others else None,
        density,
        seed,
    )
    return _membership_risk(
        score[is_member], score[~is_member], max_false_positives, seed
    )


def _membership_scores(
    attack, generated, candidates, is_member, reference, density, seed
):
    """Scores of candidates, greater for members. Labels count for the folds only."""
    if attack == "density":
        return density_scores(
            generated, candidates, is_member, reference, density, seed
        )
    distance = nearest_distances(candidates, generated)
    if attack == "calibrated":
        return log_ratio(real_distances(candidates, reference), distance)
    return -distance


def density_scores(
    generated, candidates, is_member, reference=None, density=None, seed=0
):
    """Log ratios of the densities of generated and real rows at candidates."""
    estimator = _Gaussians() if density is None else density
    drawn = clone(estimator).fit(generated).score_samples(candidates)
    real = _reference_density(estimator, candidates, is_member, reference, seed)
    return drawn - real


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


class _Gaussians(VersionedStateMixin, BaseEstimator):
    """KernelDensity with Scott's bandwidth, several times as fast in many columns."""

    def fit(self, X):
        n, d = X.shape
        self._rows, self._bandwidth = X, n ** (-1 / (d + 4))
        return self

    def score_samples(self, X):
        n, d = self._rows.shape
        log_p = [
            logsumexp(-0.5 * (tile / self._bandwidth) ** 2, axis=1)
            for _, tile in distance_tiles(X, self._rows)
        ]
        scale = d * (0.5 * np.log(2 * np.pi) + np.log(self._bandwidth)) + np.log(n)
        return np.concatenate(log_p) - scale


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


def _membership_risk(members, others, max_false_positives, seed):
    """Risk by scores of members and non-members."""
    measures = partial(_measures, max_false_positives=max_false_positives)
    return MembershipRisk(*_bootstrapped(measures, members, others, seed))


def _measures(members, others, max_false_positives):
    auc = auc_of_distances(-members, -others)
    return auc, recognised(members, others, max_false_positives)


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


def _bootstrapped(measures, members, strangers, seed):
    """Estimates of ``measures(members, strangers)``, each resampled by itself."""
    rng = check_random_state(seed)

    def resampled(rows):
        return rows[rng.randint(len(rows), size=len(rows))]

    values = [
        measures(resampled(members), resampled(strangers)) for _ in range(_N_RESAMPLES)
    ]
    return estimates(measures(members, strangers), values)


@documented(_SHARED)
def shadow_membership_inference(
    estimator: Estimator,
    X: Table,
    *,
    n_shadows: int = 8,
    n_samples: int | None = None,
    standardize: bool = True,
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
    X : array-like or DataFrame of shape (n_samples, n_columns)
        Samples from the distribution of the data, at least four: an array of finite
        numbers, or a frame that the estimator can be fitted to.
    n_shadows : int, default=8
        Number of fits, even, at least 4.
    n_samples : int, default=None
        Number of draws from each fit. If None, as many as it was fitted to.
    standardize : bool, default=True
        Whether to divide numbers by their standard deviations in `X`, for distances.
    {max_false_positives}
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
    n = len(comparable("X", min_rows=4, X=X)[0])
    check_scalar(n_shadows, "n_shadows", Integral, min_val=4)
    if n_shadows % 2:
        raise ValueError(
            f"'n_shadows' must be even, for pairs of halves; got {n_shadows}."
        )
    if n_samples is not None:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(max_false_positives, "max_false_positives", Real, min_val=0, max_val=1)
    rng = check_random_state(random_state)
    is_member = _halves(n, n_shadows, rng)
    log_distance = np.array(
        [
            _log_distance(estimator, X, fitted, n_samples, standardize, rng)
            for fitted in is_member
        ]
    )
    score = np.empty_like(log_distance)
    for k in range(n_shadows):
        out = ~is_member
        out[k] = False
        # Of every sample at least one other fit is without it: a pair has one.
        weight = out / out.sum(axis=0)
        score[k] = (weight * log_distance).sum(axis=0) - log_distance[k]

    def measures(rows):
        scores, inside = score[:, rows], is_member[:, rows]
        return _measures(scores[inside], scores[~inside], max_false_positives)

    # Scores of a sample in several fits are alike, so samples are drawn, not scores.
    resampled = [measures(rng.randint(n, size=n)) for _ in range(_N_RESAMPLES)]
    return MembershipRisk(*estimates(measures(slice(None)), resampled))


def _halves(n, n_shadows, rng):
    """Which rows are in which fit; fits are pairs of a half and its complement."""
    halves = []
    for _ in range(n_shadows // 2):
        half = np.zeros(n, dtype=bool)
        half[rng.permutation(n)[: n // 2]] = True
        halves += [half, ~half]
    return np.array(halves)


def _log_distance(estimator, X, fitted, n_samples, standardize, rng):
    """Logs of the distances of all rows to the draws of a fit to some of them."""
    seed = rng.randint(np.iinfo(np.int32).max)
    generator = clone(estimator).fit(_safe_indexing(X, np.flatnonzero(fitted)))
    drawn = draw(generator, n_samples or int(fitted.sum()), seed)
    X, drawn = comparable("X", standardize=standardize, X=X, generated=drawn)
    distance = nearest_distances(X, drawn)
    # Copies are at 0: a distance far below all others stands for it.
    return np.log(np.maximum(distance, 1e-12 * distance.max() or 1.0))


@documented(_SHARED)
def isolated_row_ratio(
    generated: Table,
    *,
    test: Table,
    train: Table,
    share: float = 0.05,
    standardize: bool = True,
    random_state: Seed = None,
) -> Estimate:
    """Whether samples give isolated training samples away, such as rare patients.

    Isolated samples are the `share` of the training samples, and likewise of the
    held-out samples, with the largest distances to the nearest other real sample. The
    ratio is the median distance of isolated training samples to the nearest generated
    sample, over this median of isolated held-out samples. It is about 1 if the
    generator treats isolated training samples like any that it has not seen, and 0 if
    it copies them.

    Parameters
    ----------
    {attacked}
    {attacked_test}
    {attacked_train}
    share : float, default=0.05
        Share of the samples that count as isolated, one sample at least.
    {standardize}
    {interval_seed}

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
    check_scalar(share, "share", Real, min_val=0, max_val=1)
    train, test, generated = comparable(
        "train", standardize=standardize, train=train, test=test, generated=generated
    )
    _check_two(test=test, train=train)
    candidates = np.concatenate([train, test])
    return isolation_estimate(
        real_distances(candidates),
        nearest_distances(candidates, generated),
        np.repeat([True, False], [len(train), len(test)]),
        share,
        random_state,
    )


def isolation_estimate(isolation, distance, is_member, share, seed):
    """The ratio of :func:`isolated_row_ratio`, with its interval."""
    parts = isolated_distances(isolation, distance, is_member, share)
    return _bootstrapped(lambda *of: [ratio_of_medians(*of)], *parts, seed)[0]


def isolated_distances(isolation, distance, is_member, share=0.05):
    """Distances of isolated members and strangers to the nearest draw.

    Parameters
    ----------
    isolation, distance : ndarray of shape (n_candidates,)
        Distances to other real samples, and to the nearest generated sample.
    is_member : ndarray of bool of shape (n_candidates,)
    share : float

    Returns
    -------
    list of two ndarrays
    """
    parts = []
    for chosen in (is_member, ~is_member):
        n = max(1, round(share * chosen.sum()))
        order = np.argsort(isolation[chosen], kind="stable")
        parts.append(distance[chosen][order[-n:]])
    return parts


def ratio_of_medians(members, strangers):
    """Ratio of two medians, NaN if both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(np.median(members), np.median(strangers)))


class AttributeRisk(NamedTuple):
    """How well generated samples tell a secret of training samples.

    Attributes
    ----------
    risk : Estimate
        Share of the training samples whose secret is guessed because they are in the
        training set: ``(train - test) / (1 - test)``. About 0 without a leak.
    train, test : Estimate
        Shares of the training and of the held-out samples whose secret is guessed.
    """

    risk: Estimate
    train: Estimate
    test: Estimate


@documented(_SHARED)
def attribute_disclosure(
    generated: Table,
    *,
    test: Table,
    train: Table,
    secret: int | str,
    n_neighbors: int = 1,
    tolerance: float = 0.05,
    standardize: bool = True,
    random_state: Seed = None,
) -> AttributeRisk:
    """Whether generated samples tell a secret column of training samples.

    The attacker knows all other columns of a person, finds the nearest generated
    samples in these, and guesses that the person has their secret value: the most
    frequent one, or the median of numbers. What the columns tell about each other is no
    leak, since it holds for everybody; therefore the guesses about held-out samples
    are subtracted.

    Parameters
    ----------
    {attacked}
    {attacked_test}
    {attacked_train}
    secret : int or str
        Column to be guessed: an index, or a name in a frame. Samples without a value
        in it are left out.
    n_neighbors : int, default=1
        Number of generated samples that a guess is based on.
    tolerance : float, default=0.05
        A number is guessed if the error is at most so many standard deviations of the
        column in `train`.
    {standardize}
    {interval_seed}

    Returns
    -------
    AttributeRisk
        A named tuple of `risk`, `train` and `test`, each with ``value``, ``low`` and
        ``high``.

    Raises
    ------
    {bad_attack}

    See Also
    --------
    membership_inference : Whether somebody was in the training set.

    References
    ----------
    Giomi, Boenisch, Wehmeyer and Tasnádi, *A Unified Framework for Quantifying Privacy
    Risk in Synthetic Data*, PoPETs 2023, arXiv:2211.10459, sections 4 and 5 (inference
    attack, with a control set).

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.metrics import attribute_disclosure
    >>> train, test = np.random.default_rng(0).standard_normal((2, 100, 3))
    >>> leak = attribute_disclosure(
    ...     train, test=test, train=train, secret=2, random_state=0
    ... )
    >>> leak.risk.value
    1.0
    """
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    check_scalar(tolerance, "tolerance", Real, min_val=0)
    columns = shared_columns(train=train, test=test, generated=generated)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    _check_two(**columns[0].parts)
    place = place_of(secret, [column.name for column in columns], "secret")
    guessed = {
        key: guesses(columns, place, key, n_neighbors, tolerance, standardize)
        for key in ("train", "test")
    }
    return attribute_estimate(guessed["train"], guessed["test"], seed)


def guesses(columns, place, key, n_neighbors=1, tolerance=0.05, standardize=True):
    """Whether the secret of each sample of a table, if it has one, is guessed."""
    known, secret = list(columns), columns[place]
    del known[place]
    if not known:
        raise ValueError("The tables must have another column than the 'secret' one.")
    codes = coded(known, "train", standardize)
    donors = ~is_missing(secret, "generated")
    asked = ~is_missing(secret, key)
    values, truth = secret.parts["generated"][donors], secret.parts[key][asked]
    k = min(n_neighbors, len(values))
    search = Neighbors(codes["generated"][donors], n_neighbors=k)
    near = values[search.kneighbors(codes[key][asked], return_distance=False)]
    if secret.kind == "category":
        n = len(secret.categories)
        votes = (near[:, :, None] == np.arange(n)).sum(axis=1)
        return votes.argmax(axis=1) == truth
    scale = np.nanstd(secret.parts["train"])
    error = np.abs(np.median(near, axis=1) - truth)
    return error <= tolerance * scale


def attribute_estimate(members, strangers, seed):
    """Risk by which secrets of members and strangers were guessed."""
    return AttributeRisk(*_bootstrapped(attribute_rates, members, strangers, seed))


def attribute_rates(members, strangers):
    """Risk, and shares of members and strangers whose secret was guessed."""
    train, test = np.mean(members), np.mean(strangers)
    return (train - test) / (1 - test) if test < 1 else 0.0, train, test


@documented(_SHARED)
def privacy_report(
    generated: Table,
    test: Table,
    train: Table,
    *,
    secret: int | str | None = None,
    standardize: bool = True,
    random_state: Seed = None,
) -> Any:
    """Table of all attacks on generated samples.

    Parameters
    ----------
    {attacked}
    {attacked_test}
    {attacked_train}
    secret : int or str, default=None
        Column for :func:`attribute_disclosure`: an index, or a name in a frame. If
        None, there is no row for it.
    {standardize}
    {interval_seed}

    Returns
    -------
    pandas.DataFrame of shape (7, 4), or (8, 4) with a secret
        One row for each attack: ``"nearest_auc"``, ``"nearest_tpr"``, and so on for
        the three attacks of :func:`membership_inference`, then
        ``"isolated_row_ratio"`` and ``"attribute_risk"``. The columns are ``"value"``,
        ``"low"`` and ``"high"``, the ends of an interval of 95 %, and ``"no_leak"``,
        the value if nothing is given away.

    Raises
    ------
    ImportError
        If pandas is not installed.
    {bad_attack}

    See Also
    --------
    skdrift.reports.QualityReport : Includes these attacks.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.metrics import privacy_report
    >>> train, test = train_test_split(load_wine().data, test_size=0.5, random_state=0)
    >>> drifter = ConservativeDrifter(random_state=0).fit(train)
    >>> report = privacy_report(drifter.sample(89), test, train, random_state=0)
    >>> bool(0.4 < report.loc["nearest_auc", "value"] < 0.75)
    True
    """
    pandas = import_pandas("privacy_report")
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    tables = {"test": test, "train": train}
    common = {"standardize": standardize, "random_state": seed}
    rows = {}
    for attack in ATTACKS:
        risk = membership_inference(generated, **tables, attack=attack, **common)
        rows[f"{attack}_auc"] = (*risk.auc, 0.5)
        rows[f"{attack}_tpr"] = (*risk.tpr, 0.01)
    rows["isolated_row_ratio"] = (*isolated_row_ratio(generated, **tables, **common), 1)
    if secret is not None:
        leak = attribute_disclosure(generated, **tables, secret=secret, **common)
        rows["attribute_risk"] = (*leak.risk, 0)
    names = ["value", "low", "high", "no_leak"]
    return pandas.DataFrame.from_dict(rows, orient="index", columns=names)


def _check_attack(attack):
    if attack not in ATTACKS:
        raise ValueError(
            "The 'attack' parameter must be 'nearest', 'calibrated' or 'density'; got "
            f"{attack!r}."
        )


def _check_two(**samples):
    for name, rows in samples.items():
        if len(rows) < 2:
            raise ValueError(f"'{name}' must have at least two samples; got 1.")
