"""The estimator of the drifting algorithm as it was released."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._docstrings import documented
from ..bandwidth import laplace_rate
from ..fields import SoftmaxField
from ..flow._fit import Recipe
from ..kernels import Matern
from ._base import BaseDrifter
from ._docs import SHARED
from ._recipes import bandwidth_rule, step_rule

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Annealing, Columns, EngineName, Path, Seed, Start


@documented(SHARED)
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
        Size of the ensemble, at least 2. None stands for two particles per sample (per
        unit of weight), but at least 64 and at most 10,000.
    {batch_size}
    {start}
    {standardize}
    {columns}
    annealing : "auto", int or array-like, default="auto"
        Steps in which all temperatures fall exponentially by a common factor, the
        smallest from twice its final value, or from ``1.5 sqrt(d/2)`` standard
        deviations if that is larger and the start is not local; 0 for none.
        ``"auto"`` is 20, but 5 from the local start of 1000 or more distinct rows. Or
        the factors of the first steps, as multiples of the final temperatures.
    step_size : float, default=2.0
        Multiple of the velocity, a displacement, that one step moves by. The velocity
        is smaller than with the other drifters by a gain of about ``M / (N + M)``, for
        N particles and M samples: 1/3 with two particles per sample, for which 3 would
        be full steps. With far fewer particles than samples the flow does not settle
        above 2.
    {max_iter}
    tol : float, default=2e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many of the smallest final temperature per step.
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
    bandwidth_ : float
        Smallest of the temperatures that the parameter stands for, in units of
        ``scale_``. Early stopping may end the flow at a larger one,
        ``history_["bandwidth"][-1]``.
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
    kernel_ : Kernel
        The Laplace kernel, also that of :meth:`score_samples`, at ``bandwidth_``.
    {engine_}
    {n_features_in_}
    {feature_names_in_}

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
        batch_size: int | Literal["auto"] | None = "auto",
        start: Start = "local",
        standardize: bool = True,
        columns: Columns = "auto",
        annealing: Annealing = "auto",
        step_size: float = 2.0,
        max_iter: int = 200,
        tol: float = 2e-3,
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
        self.temperature = temperature

    @documented(SHARED)
    def recipe(self) -> Recipe:
        """Field of the algorithm as it was released.

        {recipe}
        """
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
