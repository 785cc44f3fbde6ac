"""The drifter along the Sinkhorn divergence."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._docstrings import documented
from ..bandwidth import conservative_rate
from ..fields import SinkhornField
from ..flow._fit import Recipe
from ..kernels import Gaussian
from ._base import BaseDrifter
from ._docs import SHARED
from ._recipes import bandwidth_rule, step_rule

if TYPE_CHECKING:
    from .._typing import Annealing, Columns, EngineName, Path, Seed, Start


@documented(SHARED)
class SinkhornDrifter(BaseDrifter):
    """Generative drifting along the gradient of the Sinkhorn divergence.

    Particles follow ``V(x) = T_p(x) - T_q(x)``: T_p takes a particle to the mean of the
    data that an entropic optimal transport plan couples it with, T_q does the same
    with the particles instead of the data. A mean shift weights the same
    neighbours, but lets every particle choose its own; a plan must place the whole
    mass of the data. So V sees how much mass each mode holds at any distance, and it
    vanishes only where particles and data agree. Prefer it where shares of separated
    modes matter, or where the start is far from the data; a step costs several
    times as much as with :class:`ConservativeDrifter`.

    Parameters
    ----------
    epsilon : float or "rate", default="rate"
        Temperature of the plans. A float counts squared standard deviations of a
        column (squared data units with ``standardize=False``): couplings blur over
        ``sqrt(epsilon)``, the bandwidth. ``"rate"`` is ``(d/2) n^(-2/(d+4))`` times
        the variance.
    n_particles : int or None, default=None
        Size of the ensemble. None stands for one particle per sample (per unit of
        weight), but at least 64 and at most 10,000.
    {batch_size}
    start : {"local", "gaussian"}, array-like or callable, default="local"
        Where particles start. ``"local"``: drawn from the Gaussian of the up to 40
        mutual neighbours of a data row, which follows clusters, curves, correlations;
        its noise is chosen in `fit` such that the final particles are as near to the
        data as new samples would be (see `early_stopping`). ``"gaussian"``: the
        Gaussian with the mean and covariance of all the data. Given rows of shape
        (n_particles, n_features), which :meth:`sample` resamples with noise; or
        ``start(n, random_state)``, which returns n rows. These are in data units;
        they may be far from the data, but equal rows stay equal.
    {standardize}
    {columns}
    {annealing}
    step_size : float, default=1.0
        Fraction of the velocity, a displacement, that one step takes.
    {max_iter}
    {tol}
    sinkhorn_tol : float, default=2e-4
        Iterations for one plan end once its marginal is this near to the weights, in
        total variation: the share of mass that is in the wrong place. Particles may
        not come to rest within `tol` if it is coarser than a tenth of that.
    sinkhorn_max_iter : int, default=500
        Largest number of iterations for one plan in one step. They start from the
        potentials of the step before, and most steps need fewer than ten.
    {early_stopping}
    {engine}
    {random_state}
    {checkpoint}
    {verbose}

    Attributes
    ----------
    {particles_}
    {start_}
    {flow_}
    {bandwidth_}
    {scale_}
    {residual_velocity_}
    step_size_ : float
        The parameter `step_size`.
    {n_iter_}
    {history_}
    {stopped_by_}
    {start_noise_}
    {memorization_auc_}
    {tracer_spread_}
    epsilon_ : float
        Temperature of the plans at the end, the square of ``bandwidth_``.
    kernel_ : Kernel
        The Gaussian, of :meth:`score_samples`.
    {engine_}
    {n_features_in_}
    {feature_names_in_}

    See Also
    --------
    ConservativeDrifter : The same sums without iterations, row by row.

    References
    ----------
    Turan and Ovsjanikov, *Generative Drifting is Secretly Score Matching*,
    arXiv:2603.09936.
    He et al., *Sinkhorn-Drifting Generative Models*, arXiv:2603.12366.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import SinkhornDrifter
    >>> drifter = SinkhornDrifter(random_state=0).fit(load_wine().data)
    >>> drifter.sample(5).shape
    (5, 13)
    """

    _parameter_constraints = {
        **BaseDrifter._parameter_constraints,
        "epsilon": [StrOptions({"rate"}), Interval(Real, 0, np.inf, closed="neither")],
        "sinkhorn_tol": [Interval(Real, 0, None, closed="neither")],
        "sinkhorn_max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        epsilon: Literal["rate"] | float = "rate",
        n_particles: int | None = None,
        batch_size: int | Literal["auto"] | None = "auto",
        start: Start = "local",
        standardize: bool = True,
        columns: Columns = "auto",
        annealing: Annealing = "auto",
        step_size: float = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        sinkhorn_tol: float = 2e-4,
        sinkhorn_max_iter: int = 500,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        checkpoint: Path = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_particles=n_particles,
            batch_size=batch_size,
            start=start,
            standardize=standardize,
            columns=columns,
            annealing=annealing,
            step_size=step_size,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            engine=engine,
            random_state=random_state,
            checkpoint=checkpoint,
            verbose=verbose,
        )
        self.epsilon = epsilon
        self.sinkhorn_tol = sinkhorn_tol
        self.sinkhorn_max_iter = sinkhorn_max_iter

    @property
    def epsilon_(self) -> float:
        """Temperature of the plans at the end, the square of ``bandwidth_``."""
        return self.bandwidth_**2

    @documented(SHARED)
    def recipe(self) -> Recipe:
        """Gradient field of the Sinkhorn divergence.

        {recipe}
        """
        given = self.epsilon if self.epsilon == "rate" else np.sqrt(self.epsilon)
        return Recipe(
            SinkhornField(self.sinkhorn_tol, self.sinkhorn_max_iter),
            Gaussian(),
            bandwidth_rule(given, conservative_rate),
            step_rule(self.step_size),
        )
