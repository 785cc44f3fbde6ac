"""The drifter along the Sinkhorn divergence."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..bandwidth import conservative_rate
from ..fields import SinkhornField
from ..flow._fit import Recipe
from ..kernels import Gaussian
from ._base import BaseDrifter
from ._recipes import bandwidth_rule, step_rule

if TYPE_CHECKING:
    from .._typing import Annealing, DiscreteFeatures, EngineName, Seed, Start


class SinkhornDrifter(BaseDrifter):
    """Generative drifting along the gradient of the Sinkhorn divergence.

    Particles follow ``V(x) = T_p(x) - T_q(x)``: T_p takes a particle to the mean of the
    data that an entropic optimal transport plan couples it with, T_q does the same
    with the particles in the place of the data. A mean shift weights the same
    neighbours, but lets every particle choose its own; a plan must place the whole
    mass of the data. So V sees how much mass each mode holds at any distance, and it
    vanishes only where particles and data agree. Prefer it where shares of separated
    modes matter, or where the start is far from the data; a step costs several times
    that of :class:`ConservativeDrifter`.

    Parameters
    ----------
    epsilon : float or "rate", default="rate"
        Temperature of the plans. A float counts squared standard deviations of a
        column (squared data units with ``standardize=False``): couplings blur over
        ``sqrt(epsilon)``, the bandwidth. ``"rate"`` is ``(d/2) n^(-2/(d+4))`` times
        the variance.
    n_particles : int or None, default=None
        Size of the ensemble. None takes one particle per sample (per unit of
        weight), but at least 64 and at most 10,000.
    start : {"local", "gaussian"}, array-like or callable, default="local"
        Where particles start. ``"local"``: drawn from the Gaussian of the up to 40
        mutual neighbours of a data row, which follows clusters, curves, correlations;
        its noise is chosen in `fit` such that the final particles are as near to the
        data as new samples would be (see `early_stopping`). ``"gaussian"``: the
        Gaussian with the mean and covariance of all the data. Given rows of shape
        (n_particles, n_features), which :meth:`sample` resamples with noise; or
        ``start(n, random_state)``, which returns n rows. These are in data units;
        they may be far from the data, but equal rows stay equal.
    standardize : bool, default=True
        Whether distances are measured in standard deviations of each column. If
        not, in data units.
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Columns that :meth:`sample` rounds to values that occur, each as often as in
        the data, keeping the order of the rows: a mask or indices, all or none.
        ``"auto"`` takes columns whose values each occur five times on average, other
        than by repetition of whole rows unless they are integers.
    annealing : int or array-like, default=20
        Steps in which the bandwidth falls exponentially to its final value, from
        twice that value, or from ``1.5 sqrt(d/2)`` standard deviations if that is
        larger and the start is not local; 0 for none. Or the bandwidths of the first
        steps, as multiples of the final one.
    step_size : float, default=1.0
        Fraction of the velocity, a displacement, that one step takes.
    max_iter : int, default=200
        Largest number of steps.
    tol : float, default=5e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many bandwidths per step.
    sinkhorn_tol : float, default=2e-4
        Iterations for one plan end once its marginal is this near to the weights, in
        total variation: the share of mass that is in the wrong place. Particles may
        not come to rest within `tol` if it is coarser than a tenth of that.
    sinkhorn_max_iter : int, default=500
        Largest number of iterations for one plan in one step. They start from the
        potentials of the step before, and most steps need fewer than ten.
    early_stopping : bool, default=True
        Guard against copying the data. The flow stops as well before the memorisation
        AUC reaches 0.55: the probability that a particle is nearer to its nearest
        data row than a data row is to its own. A local start has the noise that
        brings it to about 0.52 at the end, found in at most five flows. If False, its
        noise is that of the neighbourhood. Without effect if most rows have an equal
        twin.
    engine : {"auto", "numpy", "numba", "keops", "nufft", "dask"}, default="auto"
        What computes the sums: NumPy; code compiled by Numba for the CPU; KeOps (GPU
        if there is one, otherwise CPU); FINUFFT (up to three columns, within 1e-6
        bandwidths, for the Gaussian and Matérn kernels); the workers of a dask cluster.
        Numba and KeOps compile for some seconds at first use. ``"auto"`` takes NumPy
        unless another is installed and the work is large enough to be worth it, and
        never dask.
    random_state : int, RandomState instance or None, default=None
        Source of the start, in :meth:`fit` and by default in :meth:`sample`.
    verbose : int, default=0
        Print the engine, then the bandwidth and residual velocity of every step.

    Attributes
    ----------
    particles_ : ndarray of shape (n_particles, n_features)
        Final ensemble, in data units.
    start_ : ndarray of shape (n_particles, n_features)
        Initial ensemble, in data units.
    bandwidth_ : float
        Bandwidth that the parameter stands for, in units of ``scale_``. Early
        stopping may end the flow at a larger one, ``history_["bandwidth"][-1]``.
    scale_ : ndarray of shape (n_features,)
        Unit of length of each column: its standard deviation, or 1.
    residual_velocity_ : float
        Root mean square velocity of the final ensemble at the last bandwidth in
        ``history_``, in units of ``scale_``.
    step_size_ : float
        The parameter `step_size`.
    n_iter_ : int
        Number of steps taken.
    history_ : dict of ndarray of shape (`n_iter_` + 1,)
        ``"bandwidth"``, ``"residual_velocity"`` and ``"step_size"`` of every
        evaluation of the field; no step follows the last one.
    stopped_by_ : {"tol", "memorization", "max_iter", "divergence"}
        What ended the flow; the last two come with a ConvergenceWarning.
    start_noise_ : float
        Noise of the local start, in standard deviations of the neighbourhoods: 0
        would copy rows. 1 for other starts, where it means nothing.
    memorization_auc_ : float
        Probability that a particle is nearer to the data than a data row is to the
        others: about 0.5 for new samples, 1 for copies. It says nothing, and is 0,
        where most rows have an equal twin.
    epsilon_ : float
        Temperature of the plans at the end, the square of ``bandwidth_``.
    kernel_ : Kernel
        The Gaussian, of :meth:`score_samples`.
    engine_ : str
        Engine that `fit` ran on.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

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
        start: Start = "local",
        standardize: bool = True,
        discrete_features: DiscreteFeatures = "auto",
        annealing: Annealing = 20,
        step_size: float = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        sinkhorn_tol: float = 2e-4,
        sinkhorn_max_iter: int = 500,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_particles=n_particles,
            start=start,
            standardize=standardize,
            discrete_features=discrete_features,
            annealing=annealing,
            step_size=step_size,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            engine=engine,
            random_state=random_state,
            verbose=verbose,
        )
        self.epsilon = epsilon
        self.sinkhorn_tol = sinkhorn_tol
        self.sinkhorn_max_iter = sinkhorn_max_iter

    @property
    def epsilon_(self) -> float:
        """Temperature of the plans at the end, the square of ``bandwidth_``."""
        return self.bandwidth_**2

    def recipe(self) -> Recipe:
        """Gradient field of the Sinkhorn divergence."""
        given = self.epsilon if self.epsilon == "rate" else np.sqrt(self.epsilon)
        return Recipe(
            SinkhornField(self.sinkhorn_tol, self.sinkhorn_max_iter),
            Gaussian(),
            bandwidth_rule(given, conservative_rate),
            step_rule(self.step_size),
        )
