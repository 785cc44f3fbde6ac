"""The named drifters along the field of one kernel."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from .._theory.rules import balanced_bandwidth, occupied_bandwidth
from ..bandwidth import conservative_rate, laplace_rate
from ..fields import conservative, displacement
from ..flow._fit import Recipe
from ..kernels import KERNEL_NAMES, Kernel, get_kernel
from ._base import BaseDrifter
from ._recipes import bandwidth_constraint, kernel_recipe

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import (
        Annealing,
        BandwidthRule,
        DiscreteFeatures,
        EngineName,
        Floats,
        KernelName,
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
    bandwidth : float or {"rate", "scott", "silverman", "balance"}, default="rate"
        Final bandwidth h. A float counts standard deviations of a column (data
        units with ``standardize=False``). ``"rate"``
        is ``sqrt(d/2) n^(-1/(d+4))``, ``"scott"`` and ``"silverman"`` are the usual
        rules, all times the standard deviation. ``"balance"`` estimates from the data
        and the start where the two errors of the theory add up to the least, between
        half and twice the rate (:func:`skdrift.diagnostics.rate_constants`); it needs
        a C^2 density kernel and full self-interaction.
    n_particles : int or None, default=None
        Size of the ensemble. None takes one particle per sample (per unit of
        weight), two with leave-one-out, but at least 64 and at most 10,000.
    self_interaction : {"full", "leave-one-out"}, default="full"
        Whether a particle counts among those that repel it (its own pull is 0,
        but it enters the normaliser) or leaves itself out, exactly. Leave-one-out
        with light tails (the Gaussian) spreads ensembles beyond the data in more
        than a few columns, and any kernel may if the start is not local and there
        are not several particles per sample.
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
        Steps in which the bandwidth falls exponentially to its final value, from
        twice that value, or from ``1.5 sqrt(d/2)`` standard deviations if that is
        larger and the start is not local; 0 for none. Or the bandwidths of the first
        steps, as multiples of the final one.
    step_size : float or "lipschitz", default=1.0
        Fraction of the velocity, a displacement, that one step takes. ``"lipschitz"``
        is ``min(1, 1 / L)`` with the Lipschitz constant L of the field, measured where
        every step of `fit` starts, at most at 250 particles; :meth:`sample` takes the
        same steps. It needs a kernel without a kink at 0.
    max_iter : int, default=200
        Largest number of steps.
    tol : float, default=5e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many bandwidths per step.
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
        Print the engine of a fit, then the bandwidth, residual velocity and seconds
        of every step, in :meth:`sample` as well.

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
        Step size that the parameter stands for at the final ensemble.
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
    tracer_spread_ : float
        Spread of some fresh rows of the start that :meth:`transform` carries, over that
        of the particles: about 1 if tracers are distributed as these.
    kernel_ : Kernel
        Kernel that was fitted with.
    engine_ : str
        Engine that `fit` ran on.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

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
        self_interaction: SelfInteraction = "full",
        start: Start = "local",
        standardize: bool = True,
        discrete_features: DiscreteFeatures = "auto",
        annealing: Annealing = 20,
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            self_interaction=self_interaction,
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

    def recipe(self) -> Recipe:
        """Gradient field of the densities of the kernel; see :meth:`BaseDrifter`."""
        return self._conservative(self._kernel())

    def _conservative(self, kernel):
        """Recipe of the gradient field of the densities of any kernel."""
        alone = self.self_interaction != "full"

        def balance(rows, ensemble):
            return balanced_bandwidth(rows, ensemble(1.0), kernel, alone)

        return kernel_recipe(
            self, conservative(kernel), kernel, conservative_rate, balance=balance
        )


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
    bandwidth : float or {"rate", "scott", "silverman", "balance"}, default="rate"
        Final bandwidth h. A float counts standard deviations of a column (data
        units with ``standardize=False``). ``"rate"``
        is ``sqrt(d/2) n^(-1/(d+4))``, ``"scott"`` and ``"silverman"`` are the usual
        rules, all times the standard deviation. ``"balance"`` estimates from the data
        and the start where the two errors of the theory add up to the least, between
        half and twice the rate (:func:`skdrift.diagnostics.rate_constants`); it needs
        a C^2 density kernel and full self-interaction.
    n_particles : int or None, default=None
        Size of the ensemble. None takes one particle per sample (per unit of
        weight), two with leave-one-out, but at least 64 and at most 10,000.
    self_interaction : {"full", "leave-one-out"}, default="full"
        Whether a particle counts among those that repel it (its own pull is 0,
        but it enters the normaliser) or leaves itself out, exactly. Leave-one-out
        with light tails (the Gaussian) spreads ensembles beyond the data in more
        than a few columns, and any kernel may if the start is not local and there
        are not several particles per sample.
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
        Steps in which the bandwidth falls exponentially to its final value, from
        twice that value, or from ``1.5 sqrt(d/2)`` standard deviations if that is
        larger and the start is not local; 0 for none. Or the bandwidths of the first
        steps, as multiples of the final one.
    step_size : float or "lipschitz", default=1.0
        Fraction of the velocity, a displacement, that one step takes. ``"lipschitz"``
        is ``min(1, 1 / L)`` with the Lipschitz constant L of the field, measured where
        every step of `fit` starts, at most at 250 particles; :meth:`sample` takes the
        same steps. It needs a companion without a kink at 0.
    max_iter : int, default=200
        Largest number of steps.
    tol : float, default=5e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many bandwidths per step.
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
        Print the engine of a fit, then the bandwidth, residual velocity and seconds
        of every step, in :meth:`sample` as well.

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
        Step size that the parameter stands for at the final ensemble.
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
    tracer_spread_ : float
        Spread of some fresh rows of the start that :meth:`transform` carries, over that
        of the particles: about 1 if tracers are distributed as these.
    kernel_ : Kernel
        The sharp companion of `kernel`, that of the density estimates.
    engine_ : str
        Engine that `fit` ran on.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

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
        self_interaction: SelfInteraction = "full",
        start: Start = "local",
        standardize: bool = True,
        discrete_features: DiscreteFeatures = "auto",
        annealing: Annealing = 20,
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            self_interaction=self_interaction,
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

    def recipe(self) -> Recipe:
        """Gradient field of the densities of the sharp companion."""
        return self._conservative(self._kernel().sharp())


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
    n_particles : int or None, default=None
        Size of the ensemble. None takes one particle per sample (per unit of
        weight), two with leave-one-out, but at least 64 and at most 10,000.
    self_interaction : {"full", "leave-one-out"}, default="leave-one-out"
        Whether a particle counts among those that repel it (its own pull is 0,
        but it enters the normaliser) or leaves itself out, exactly. Leave-one-out
        with light tails (the Gaussian) spreads ensembles beyond the data in more
        than a few columns, and any kernel may if the start is not local and there
        are not several particles per sample.
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
        Steps in which the bandwidth falls exponentially to its final value, from
        twice that value, or from ``1.5 sqrt(d/2)`` standard deviations if that is
        larger and the start is not local; 0 for none. Or the bandwidths of the first
        steps, as multiples of the final one.
    step_size : float or "lipschitz", default=1.0
        Fraction of the velocity, a displacement, that one step takes. ``"lipschitz"``
        is ``min(1, 1 / L)`` with the Lipschitz constant L of the field, measured where
        every step of `fit` starts, at most at 250 particles; :meth:`sample` takes the
        same steps. It needs leave-one-out, or a kernel without a kink at 0.
    max_iter : int, default=200
        Largest number of steps.
    tol : float, default=5e-3
        Stop once the residual velocity (root mean square over the particles) is at
        most this many bandwidths per step.
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
        Print the engine of a fit, then the bandwidth, residual velocity and seconds
        of every step, in :meth:`sample` as well.

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
        Step size that the parameter stands for at the final ensemble.
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
    tracer_spread_ : float
        Spread of some fresh rows of the start that :meth:`transform` carries, over that
        of the particles: about 1 if tracers are distributed as these.
    kernel_ : Kernel
        Kernel that was fitted with.
    engine_ : str
        Engine that `fit` ran on.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

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
        self_interaction: SelfInteraction = "leave-one-out",
        start: Start = "local",
        standardize: bool = True,
        discrete_features: DiscreteFeatures = "auto",
        annealing: Annealing = 20,
        step_size: StepSize = 1.0,
        max_iter: int = 200,
        tol: float = 5e-3,
        early_stopping: bool = True,
        engine: EngineName = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            self_interaction=self_interaction,
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

    def recipe(self) -> Recipe:
        """Displacement field of the kernel."""
        kernel = self._kernel()
        return kernel_recipe(
            self,
            displacement(kernel),
            kernel,
            laplace_rate,
            occupancy=lambda rows, ensemble: occupied_bandwidth(rows),
        )
