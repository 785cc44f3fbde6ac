"""The estimator of the drifting algorithm as it was released."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..bandwidth import laplace_rate
from ..fields import SoftmaxField
from ..flow._fit import Recipe
from ..kernels import Matern
from ._base import BaseDrifter
from ._recipes import bandwidth_rule, step_rule

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Annealing, DiscreteFeatures, EngineName, Seed, Start


class SoftmaxDrifter(BaseDrifter):
    """Generative drifting by the algorithm as it was released.

    The released code does not move particles by a plain difference of mean shifts, as
    :class:`LaplaceDrifter` does: it normalises the kernel matrix over its rows and its
    columns together, which weighs targets down where particles crowd, and multiplies
    the difference by a gain. It may add up several temperatures, each field divided
    by its root mean square. See :class:`~skdrift.fields.SoftmaxField` for the
    formulas. It is there to compare with; prefer :class:`ConservativeDrifter` for the
    quality of samples.

    Parameters
    ----------
    temperature : float, array-like of floats or "rate", default="rate"
        Final temperature tau of the Laplace kernel ``exp(-|x - y| / tau)``, which is
        the bandwidth h of the other drifters; several ones add up. Numbers count
        standard deviations of a column (data units with ``standardize=False``).
        ``"rate"`` is ``2 sqrt(d/2) (log(n)/n)^(1/d)``, times the standard deviation.
        See :func:`~skdrift.conventions.bandwidth_from` for other conventions.
    n_particles : int or None, default=None
        Size of the ensemble, at least 2. None takes two particles per sample (per unit
        of weight), but at least 64 and at most 10,000.
    start : {"local", "gaussian"}, array-like or callable, default="local"
        Where particles start. ``"local"``: drawn from the Gaussian of the up to 40
        mutual neighbours of a data row, which follows clusters, curves, correlations;
        its noise is chosen in `fit` such that the final particles are as near to the
        data as new samples would be (see `early_stopping`). ``"gaussian"``: the
        Gaussian with the mean and covariance of all the data. Given rows of shape
        (n_particles, n_features), which :meth:`sample` resamples with noise; or
        ``start(n, random_state)``, which returns n rows. These are in data units and
        should be independent draws of a law that overlaps the data: particles that
        are all in one place may be stuck there.
    standardize : bool, default=True
        Whether distances are measured in standard deviations of each column. If
        not, in data units.
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Columns that :meth:`sample` rounds to values that occur, each as often as in
        the data, keeping the order of the rows: a mask or indices, all or none.
        ``"auto"`` takes columns whose values each occur five times on average, other
        than by repetition of whole rows unless they are integers.
    annealing : int or array-like, default=20
        Steps in which all temperatures fall exponentially by a common factor, the
        smallest from twice its final value, or from ``1.5 sqrt(d/2)`` standard
        deviations if that is larger and the start is not local; 0 for none. Or the
        factors of the first steps, as multiples of the final temperatures.
    step_size : float, default=2.0
        Multiple of the velocity, a displacement, that one step takes. The velocity is
        smaller than that of the other drifters by a gain of about ``M / (N + M)``, for
        N particles and M samples: 1/3 with two particles per sample, for which 3 would
        be full steps. With far fewer particles than samples the flow does not settle
        above 2.
    max_iter : int, default=200
        Largest number of steps.
    tol : float, default=2e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many of the smallest final temperature per step.
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
        Smallest of the temperatures that the parameter stands for, in units of
        ``scale_``. Early stopping may end the flow at a larger one,
        ``history_["bandwidth"][-1]``.
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
    kernel_ : Kernel
        The Laplace kernel, also that of :meth:`score_samples`, at ``bandwidth_``.
    engine_ : str
        Engine that `fit` ran on.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    LaplaceDrifter : The difference of mean shifts, without gain or columns.
    ConservativeDrifter : The gradient of kernel densities.

    References
    ----------
    Deng et al., *Generative Modeling via Drifting*, arXiv:2602.04770, Algorithm 2 and
    appendix A.6.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import SoftmaxDrifter
    >>> X = load_wine().data
    >>> drifter = SoftmaxDrifter(random_state=0).fit(X)
    >>> drifter.sample(5).shape
    (5, 13)
    """

    _parameter_constraints = {
        **BaseDrifter._parameter_constraints,
        "temperature": [
            StrOptions({"rate"}),
            Interval(Real, 0, np.inf, closed="neither"),
            "array-like",
        ],
    }

    def __init__(
        self,
        *,
        temperature: Literal["rate"] | float | ArrayLike = "rate",
        n_particles: int | None = None,
        start: Start = "local",
        standardize: bool = True,
        discrete_features: DiscreteFeatures = "auto",
        annealing: Annealing = 20,
        step_size: float = 2.0,
        max_iter: int = 200,
        tol: float = 2e-3,
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
        self.temperature = temperature

    def recipe(self) -> Recipe:
        """Field of the algorithm as it was released."""
        temperatures = self._temperatures()
        by_rule = isinstance(self.temperature, str)
        return Recipe(
            SoftmaxField(temperatures / temperatures[0]),
            Matern(nu=0.5),
            bandwidth_rule("rate" if by_rule else temperatures[0], laplace_rate),
            step_rule(self.step_size),
        )

    def _temperatures(self):
        """Given temperatures, the smallest first; 1 stands for a rule."""
        given = 1.0 if isinstance(self.temperature, str) else self.temperature
        try:
            given = np.atleast_1d(np.asarray(given, dtype=np.float64))
        except (TypeError, ValueError):
            given = np.array([np.nan])
        if (
            given.ndim != 1
            or not given.size
            or not np.all((given > 0) & (given < np.inf))
        ):
            raise ValueError(
                "The 'temperature' parameter must be 'rate', a positive number or a "
                f"1-D array of positive numbers; got {self.temperature!r}."
            )
        return np.sort(given)
