"""Parameters and attributes that the docstrings of several drifters share."""

SHARED = {
    "n_particles": """
n_particles : int or None, default=None
    Size of the ensemble. None stands for one particle per sample (per unit of
    weight), two with leave-one-out, but at least 64 and at most 10,000.
""",
    "batch_size": """
batch_size : int, "auto" or None, default="auto"
    Number of data rows that attract an ensemble, where there are more: a part of them
    as even as the rows lie, chosen anew for every ensemble of :meth:`sample`.
    ``"auto"`` is 20,000, or two for every particle if these are more: draws are then as
    good as with all rows. A size of more than 80 % of the rows stands for all of them.
    None stands for all rows where they are, even with `early_stopping`. Of rows in
    chunks a part is kept, see :meth:`fit`.
""",
    "self_interaction": """
self_interaction : {"full", "leave-one-out"}, default="full"
    Whether a particle counts among those that repel it (its own pull is 0, but it
    enters the normaliser) or is left out exactly. Leave-one-out with light tails (the
    Gaussian) spreads ensembles beyond the data in more than a few columns, and any
    kernel may do so if the start is not local and there are not several particles per
    sample.
""",
    "start": """
start : {"local", "gaussian"}, array-like or callable, default="local"
    Where particles start. ``"local"``: drawn from the Gaussian of the up to 40 mutual
    neighbours of a data row, which follows clusters, curves and correlations; its noise
    is chosen in `fit` such that the final particles are as near to the data as new
    samples would be (see `early_stopping`). ``"gaussian"``: the Gaussian with the mean
    and covariance of all the data. Given rows of shape (n_particles, n_features), which
    :meth:`sample` resamples with noise; or ``start(n, random_state)``, which returns n
    rows. These are in data units and should be independent draws of a distribution that
    overlaps the data: particles that are all in one place may be stuck there.
""",
    "standardize": """
standardize : bool, default=True
    Whether distances are measured in standard deviations of each column. If not, they
    are measured in data units.
""",
    "columns": """
columns : {"auto", "free", "discrete"}, dict or list, default="auto"
    What holds of the values of each column, and of all that :meth:`sample` draws for
    it. ``"auto"`` learns it from the data: values that occur with positive probability
    (atoms, such as exact zeros or codes), bounds, a grid (integers, decimals), or that
    all values are atoms, which is assumed if each occurs five times on average.
    ``"free"``: nothing, draws are the particles. ``"discrete"``: all values are atoms.
    A dict by name or index of columns, or a list with an entry for every column, gives
    one of these words, or a dict with any of ``"bounds"`` (a pair, None where there is
    no bound), ``"grid"`` (a step, or None), ``"atoms"`` (a list of values) and
    ``"missing"`` (the column that is 1 where values of this one only fill gaps), where
    the rest is learned. See ``columns_``.
""",
    "annealing": """
annealing : "auto", int or array-like, default="auto"
    Number of steps in which the bandwidth falls exponentially to its final value, from
    twice that value, or from ``1.5 sqrt(d/2)`` standard deviations if that is larger
    and the start is not local; 0 for none. ``"auto"`` is 20, but 5 from the local start
    of 1000 or more distinct rows, where more steps change nothing. Or the bandwidths
    of the first steps, as multiples of the final one.
""",
    "step_size": """
step_size : float or "lipschitz", default=1.0
    Fraction of the velocity, a displacement, that one step moves by. ``"lipschitz"``
    is ``min(1, 1 / L)`` with the Lipschitz constant L of the field and of the
    particles that move one another, measured where every step of `fit` starts, at no
    more than 250 particles; :meth:`sample` uses the same steps. It requires a density
    kernel without a kink at 0.
""",
    "max_iter": """
max_iter : int, default=200
    Largest number of steps.
""",
    "tol": """
tol : float, default=5e-3
    Stop once the residual velocity (root mean square over the particles) is at most
    this many bandwidths per step.
""",
    "early_stopping": """
early_stopping : bool, default=True
    Guard against copying the data. The flow also stops before the memorisation AUC
    reaches 0.55: the probability that a particle is nearer to its nearest data row than
    a data row is to its own. A local start gets the noise that brings the AUC to about
    0.52 at the end, found in at most five flows, and every ensemble is attracted by
    rows that have been displaced by about as much as they are apart, so that none ends
    on a row that lies alone. If False, the noise is that of the neighbourhood and rows
    stay in place. Without effect if most rows are duplicated.
""",
    "engine": """
engine : {"auto", "numpy", "numba", "keops", "nufft", "dask"}, default="auto"
    Engine that computes the sums: NumPy; code compiled by Numba for the CPU; KeOps (on
    a GPU if there is one, otherwise on the CPU); FINUFFT (up to three columns, within
    1e-6 bandwidths, for the Gaussian and Matérn kernels); the workers of a dask
    cluster. Numba and KeOps compile for some seconds at first use. ``"auto"`` uses
    NumPy unless another engine is installed and the work is large enough to be worth
    it. Dask is never selected automatically.
""",
    "random_state": """
random_state : int, RandomState instance or None, default=None
    Source of the start, in :meth:`fit` and by default in :meth:`sample`.
""",
    "checkpoint": """
checkpoint : str, os.PathLike or None, default=None
    File that :meth:`fit` records its progress in, every ten seconds at most and when it
    is interrupted. If the file exists, `fit` continues there, with the same result, to
    the last bit, as without an interruption; data, parameters and versions must be
    those it was written with. It is removed when the fit is complete. See
    :doc:`/data/persistence`.
""",
    "verbose": """
verbose : int, default=0
    Print the engine of a fit, then the bandwidth, residual velocity and seconds of
    every step, in :meth:`sample` as well.
""",
    "particles_": """
particles_ : ndarray of shape (n_particles, n_features)
    Final ensemble, in data units.
""",
    "start_": """
start_ : ndarray of shape (n_particles, n_features)
    Initial ensemble, in data units.
""",
    "flow_": """
flow_ : FittedFlow
    The fitted flow as an object, in internal units
    (:class:`skdrift.flow.FittedFlow`).
""",
    "bandwidth_": """
bandwidth_ : float
    Bandwidth that the parameter stands for, in units of ``scale_``. Early stopping may
    end the flow at a larger one, ``history_["bandwidth"][-1]``.
""",
    "scale_": """
scale_ : ndarray of shape (n_features,)
    Unit of length of each column: its standard deviation, or 1.
""",
    "residual_velocity_": """
residual_velocity_ : float
    Root mean square velocity of the final ensemble at the last bandwidth in
    ``history_``, in units of ``scale_``.
""",
    "step_size_": """
step_size_ : float
    Step size that the parameter stands for at the final ensemble.
""",
    "n_iter_": """
n_iter_ : int
    Number of steps taken.
""",
    "history_": """
history_ : dict of ndarray of shape (`n_iter_` + 1,)
    ``"bandwidth"``, ``"residual_velocity"`` and ``"step_size"`` of every evaluation of
    the field; no step follows the last one.
""",
    "stopped_by_": """
stopped_by_ : {"tol", "memorization", "max_iter", "divergence"}
    What ended the flow; the last two come with a ConvergenceWarning.
""",
    "start_noise_": """
start_noise_ : float
    Noise of the local start, in standard deviations of the neighbourhoods: 0 would copy
    rows. 1 for other starts, where it has no meaning.
""",
    "memorization_auc_": """
memorization_auc_ : float
    Probability that a particle is nearer to the data than a data row is to the others:
    about 0.5 for new samples, 1 for copies. Without meaning if most rows are
    duplicated.
""",
    "tracer_spread_": """
tracer_spread_ : float
    Spread of some fresh rows of the start that :meth:`transform` carries, relative to
    the spread of the particles: about 1 if tracers are distributed like these.
""",
    "engine_": """
engine_ : str
    Engine that `fit` used.
""",
    "recipe": """
Returns
-------
Recipe
    Field, kernel of the densities, and rules of bandwidth and step size
    (:class:`skdrift.flow.Recipe`).
""",
    "n_features_in_": """
n_features_in_ : int
    Number of columns seen in `fit`.
""",
    "feature_names_in_": """
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns, if they are all strings.
""",
}

# Of the drifters along a gradient of kernel densities.
CONSERVATIVE = {
    **SHARED,
    "bandwidth": """
bandwidth : float or {"rate", "scott", "silverman", "balance"}, default="rate"
    Final bandwidth h. A float counts standard deviations of a column (data units with
    ``standardize=False``). ``"rate"`` is ``sqrt(d/2) n^(-1/(d+4))``, ``"scott"`` and
    ``"silverman"`` are the usual rules, all times the standard deviation. ``"balance"``
    estimates from the data and the start where the two errors of the theory add up to
    the least, between half and twice the rate
    (:func:`skdrift.diagnostics.rate_constants`); it requires a C^2 density kernel (the
    theorem a C^4 one) and full self-interaction.
""",
}
