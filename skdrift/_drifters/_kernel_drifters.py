"""The named drifters along the field of one kernel."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from .._docstrings import documented
from .._theory.rules import balanced_bandwidth, occupied_bandwidth
from ..bandwidth import conservative_rate, laplace_rate
from ..fields import conservative, displacement
from ..flow._fit import Recipe
from ..kernels import KERNEL_NAMES, Kernel, get_kernel
from ._arrays import like_rows
from ._base import BaseDrifter
from ._docs import CONSERVATIVE, SHARED
from ._recipes import bandwidth_constraint, kernel_recipe

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import (
        Annealing,
        BandwidthRule,
        Columns,
        EngineName,
        Floats,
        KernelName,
        Path,
        Seed,
        SelfInteraction,
        Start,
        StepSize,
    )


class KernelDrifter(BaseDrifter):
    """Base of the drifters along the field of one kernel."""

    _parameter_constraints = {
        **BaseDrifter._parameter_constraints,
        "kernel": [StrOptions(set(KERNEL_NAMES)), Kernel],
        "bandwidth": bandwidth_constraint(),
        "step_size": [
            StrOptions({"lipschitz"}),
            Interval(Real, 0, np.inf, closed="neither"),
        ],
        "self_interaction": [StrOptions({"full", "leave-one-out"})],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        kernel: KernelName | Kernel,
        bandwidth: BandwidthRule | Literal["balance", "occupancy"] | float,
        self_interaction: SelfInteraction,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.self_interaction = self_interaction

    def _kernel(self):
        """The kernel that the parameter names."""
        return clone(get_kernel(self.kernel))


@documented(CONSERVATIVE)
class ConservativeDrifter(KernelDrifter):
    """Generative drifting along the gradient of kernel densities.

    Particles ``x`` follow ``V(x) = h^2 grad log(p_h(x) / q_h(x))``, where p_h and
    q_h are the kernel density estimates of the data and of the particles: the data
    attract, the particles repel one another, and V vanishes where the two densities
    agree. V is a gradient field for every kernel. The bandwidth is annealed from
    the scale of the whole data down to its final value.

    Parameters
    ----------
    kernel : str or Kernel, default="gaussian"
        Kernel of the density estimates: ``"gaussian"``, ``"laplace"``,
        ``"matern32"``, ``"matern52"``, ``"rational_quadratic"``, or a
        :class:`~skdrift.kernels.Kernel` (one with parameters, or your own).
    {bandwidth}
    {n_particles}
    {batch_size}
    {self_interaction}
    {start}
    {standardize}
    {columns}
    {annealing}
    {step_size}
    {max_iter}
    {tol}
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
    {step_size_}
    {n_iter_}
    {history_}
    {stopped_by_}
    {start_noise_}
    {memorization_auc_}
    {tracer_spread_}
    kernel_ : Kernel
        Kernel that was fitted with.
    {engine_}
    {n_features_in_}
    {feature_names_in_}

    See Also
    --------
    LaplaceDrifter : The original displacement field, not a gradient.
    sklearn.neighbors.KernelDensity : Samples are data rows plus noise.
    sklearn.mixture.GaussianMixture : Samples from a parametric density.

    References
    ----------
    Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
    Non-Conservative Drifting Models*, arXiv:2605.22795, sections 1-2.
    Turan and Ovsjanikov, *Generative Drifting is Secretly Score Matching*,
    arXiv:2603.09936 (annealing).

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import ConservativeDrifter
    >>> X = load_wine().data
    >>> drifter = ConservativeDrifter(random_state=0).fit(X)
    >>> drifter.sample(5).shape
    (5, 13)
    """

    _parameter_constraints = {
        **KernelDrifter._parameter_constraints,
        "bandwidth": bandwidth_constraint("balance"),
    }

    def __init__(
        self,
        *,
        kernel: KernelName | Kernel = "gaussian",
        bandwidth: BandwidthRule | Literal["balance"] | float = "rate",
        n_particles: int | None = None,
        batch_size: int | Literal["auto"] | None = "auto",
        self_interaction: SelfInteraction = "full",
        start: Start = "local",
        standardize: bool = True,
        columns: Columns = "auto",
        annealing: Annealing = "auto",
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        checkpoint: Path = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            batch_size=batch_size,
            self_interaction=self_interaction,
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

    @like_rows
    def potential(self, X: ArrayLike) -> Floats:
        """Scalar potential of the final drifting field at given points.

        ``phi(x) = h^2 log(p_h(x) / q_h(x))`` up to a constant, p_h and q_h the kernel
        densities of the data and of the fitted particles, which stay where they are
        (Franz et al., arXiv:2604.06333): where it grows there are too few particles.
        In units of ``scale_`` its gradient is the field: :meth:`velocity` is
        ``scale_ ** 2`` times the gradient with respect to `X`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        ndarray of shape (n_samples,)
            In squared units of ``scale_``; 0 where the densities agree.
        """
        X = self._checked_rows(X)
        return self._flow().potential(X)

    @documented(SHARED)
    def recipe(self) -> Recipe:
        """Gradient field of the densities of the kernel.

        {recipe}
        """
        return self._conservative(self._kernel())

    def _conservative(self, kernel):
        """Recipe of the gradient field of the densities of any kernel."""
        alone = self.self_interaction != "full"

        def balance(rows, ensemble):
            return balanced_bandwidth(rows, ensemble(1.0), kernel, alone)

        return kernel_recipe(
            self, conservative(kernel), kernel, conservative_rate, balance=balance
        )


@documented(CONSERVATIVE)
class SharpDrifter(ConservativeDrifter):
    """Generative drifting by mean shifts that are normalised to be a gradient.

    The displacement field of a kernel k is no gradient, as its normaliser varies from
    place to place by another profile than its pull. Normalised by the sharp companion
    ``k#(r) = int_r^inf s k(s) ds`` instead, the same pull is one: ``V(x) = h^2 grad
    log(p#_h(x) / q#_h(x))``, with the densities of k#. For the Gaussian, its own
    companion, it is the field of :class:`ConservativeDrifter`; for the Laplace kernel
    that of the Matérn kernel of order 3/2.

    Parameters
    ----------
    kernel : str or Kernel, default="laplace"
        Kernel k of the mean shift: ``"gaussian"``, ``"laplace"``, ``"matern32"``,
        ``"matern52"``, ``"rational_quadratic"``, or a
        :class:`~skdrift.kernels.Kernel` that defines ``sharp()``.
    {bandwidth}
    {n_particles}
    {batch_size}
    {self_interaction}
    {start}
    {standardize}
    {columns}
    {annealing}
    {step_size}
    {max_iter}
    {tol}
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
    {step_size_}
    {n_iter_}
    {history_}
    {stopped_by_}
    {start_noise_}
    {memorization_auc_}
    {tracer_spread_}
    kernel_ : Kernel
        The sharp companion of `kernel`, that of the density estimates.
    {engine_}
    {n_features_in_}
    {feature_names_in_}

    See Also
    --------
    ConservativeDrifter : The gradient field of a kernel itself.
    LaplaceDrifter : The mean shift by its own normaliser.

    References
    ----------
    Franz et al., *Drifting Fields are not Conservative*, arXiv:2604.06333.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import SharpDrifter
    >>> drifter = SharpDrifter(random_state=0).fit(load_wine().data)
    >>> drifter.kernel_
    Matern()
    >>> drifter.sample(5).shape
    (5, 13)
    """

    def __init__(
        self,
        *,
        kernel: KernelName | Kernel = "laplace",
        bandwidth: BandwidthRule | Literal["balance"] | float = "rate",
        n_particles: int | None = None,
        batch_size: int | Literal["auto"] | None = "auto",
        self_interaction: SelfInteraction = "full",
        start: Start = "local",
        standardize: bool = True,
        columns: Columns = "auto",
        annealing: Annealing = "auto",
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        checkpoint: Path = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            batch_size=batch_size,
            self_interaction=self_interaction,
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

    @documented(SHARED)
    def recipe(self) -> Recipe:
        """Gradient field of the densities of the sharp companion.

        {recipe}
        """
        return self._conservative(self._kernel().sharp())


@documented(SHARED)
class LaplaceDrifter(KernelDrifter):
    """Generative drifting along the original displacement field.

    Particles follow ``V(x) = m_p(x) - m_q(x)``, the difference of two mean shifts:
    kernel-weighted mean offsets to the data and to the other particles. With the
    Laplace kernel and leave-one-out this is the field that drifting models were
    introduced with. It is not a gradient field (except for the Gaussian kernel), and
    a mismatch of local scales remains however many particles there are; prefer
    :class:`ConservativeDrifter` for the quality of samples.

    Parameters
    ----------
    kernel : str or Kernel, default="laplace"
        Kernel of the density estimates: ``"gaussian"``, ``"laplace"``,
        ``"matern32"``, ``"matern52"``, ``"rational_quadratic"``, or a
        :class:`~skdrift.kernels.Kernel` (one with parameters, or your own).
    bandwidth : float or {"rate", "scott", "silverman", "occupancy"}, default="rate"
        Final bandwidth h. A float counts standard deviations of a column (data
        units with ``standardize=False``). ``"rate"``
        is ``2 sqrt(d/2) (log(n)/n)^(1/d)``, ``"scott"`` and ``"silverman"`` are the
        usual rules, all times the standard deviation. In more than a few columns
        leave-one-out needs a bandwidth of order ``sqrt(d/2)``: below it, a particle
        sees only its nearest neighbours, and the ensemble spreads. ``"occupancy"`` is
        the distance within which 95 % of the rows have ``log(n)`` others
        (:func:`skdrift.diagnostics.occupancy_bandwidth`).
    {n_particles}
    {batch_size}
    self_interaction : {"full", "leave-one-out"}, default="leave-one-out"
        Whether a particle counts among those that repel it (its own pull is 0, but it
        enters the normaliser) or is left out exactly. Leave-one-out with light tails
        (the Gaussian) spreads ensembles beyond the data in more than a few columns, and
        any kernel may do so if the start is not local and there are not several
        particles per sample.
    {start}
    {standardize}
    {columns}
    {annealing}
    step_size : float or "lipschitz", default=1.0
        Fraction of the velocity, a displacement, that one step moves by.
        ``"lipschitz"`` is ``min(1, 1 / L)`` with the Lipschitz constant L of the field
        and of the particles that move one another, measured where every step of `fit`
        starts, at no more than 250 particles; :meth:`sample` uses the same steps. It
        requires leave-one-out, or a kernel without a kink at 0.
    {max_iter}
    {tol}
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
    {step_size_}
    {n_iter_}
    {history_}
    {stopped_by_}
    {start_noise_}
    {memorization_auc_}
    {tracer_spread_}
    kernel_ : Kernel
        Kernel that was fitted with.
    {engine_}
    {n_features_in_}
    {feature_names_in_}

    See Also
    --------
    ConservativeDrifter : The gradient of kernel densities.

    References
    ----------
    Deng et al., *Generative Modeling via Drifting*, arXiv:2602.04770, eq. 8-12.
    Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
    Non-Conservative Drifting Models*, arXiv:2605.22795, section 6.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import LaplaceDrifter
    >>> X = load_wine().data
    >>> drifter = LaplaceDrifter(random_state=0).fit(X)
    >>> drifter.sample(5).shape
    (5, 13)
    """

    _parameter_constraints = {
        **KernelDrifter._parameter_constraints,
        "bandwidth": bandwidth_constraint("occupancy"),
    }

    def __init__(
        self,
        *,
        kernel: KernelName | Kernel = "laplace",
        bandwidth: BandwidthRule | Literal["occupancy"] | float = "rate",
        n_particles: int | None = None,
        batch_size: int | Literal["auto"] | None = "auto",
        self_interaction: SelfInteraction = "leave-one-out",
        start: Start = "local",
        standardize: bool = True,
        columns: Columns = "auto",
        annealing: Annealing = "auto",
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        checkpoint: Path = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            batch_size=batch_size,
            self_interaction=self_interaction,
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

    @documented(SHARED)
    def recipe(self) -> Recipe:
        """Displacement field of the kernel.

        {recipe}
        """
        kernel = self._kernel()
        return kernel_recipe(
            self,
            displacement(kernel),
            kernel,
            laplace_rate,
            occupancy=lambda rows, ensemble: occupied_bandwidth(rows),
        )
