"""Time and memory of a drifter, by engine, size and precision."""

import warnings
from itertools import product

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter
from skdrift.bandwidth import conservative_rate
from skdrift.engines import Work, get_engine
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

ENGINES = ("numpy", "numba", "nufft", "keops")
COLUMNS = (2, 10)
DTYPES = ("float32", "float64")
N_PAIRED = (1000, 10_000)
N_FITTED = (500, 2000)
PROFILES = conservative(Gaussian())


def normal_rows(n, d, dtype):
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


def ready_engine(name, n, d, dtype):
    """Engine after a tiny trial reduction; asv skips unsupported cases."""
    try:
        return get_engine(name, Work(n, n, d, 1, PROFILES, np.dtype(dtype)))
    except ValueError as error:
        raise NotImplementedError(error) from error


def compile_engines():
    """Compile beforehand, since compilation takes time and memory of its own."""
    for name, d, dtype in product(ENGINES, COLUMNS, DTYPES):
        try:
            ready_engine(name, 8, d, dtype)
        except NotImplementedError:
            continue


class Reduction:
    """One reduction over as many sources as queries, with their binding."""

    params = (ENGINES, N_PAIRED, COLUMNS, DTYPES)
    param_names = ("engine", "n", "d", "dtype")

    def setup_cache(self):
        """Once for all parameters."""
        compile_engines()

    setup_cache.timeout = 600

    def setup(self, engine, n, d, dtype):
        """For each of them, in a process of its own."""
        self.engine = ready_engine(engine, n, d, dtype)
        self.queries, self.sources = normal_rows(2 * n, d, dtype).reshape(2, n, d)
        self.bandwidth = conservative_rate(n, d)

    def time_reduce(self, *_):
        """Measured in seconds."""
        self.engine.bind(self.sources).reduce(self.queries, PROFILES, self.bandwidth)

    def peakmem_reduce(self, *_):
        """Measured in bytes, with those of the imports."""
        self.time_reduce()


class Drifter:
    """The verbs of an estimator with as many particles as rows.

    It always makes ten steps, because stopping rules might end after different steps
    for different engines.
    """

    params = (ENGINES, N_FITTED, COLUMNS, DTYPES)
    param_names = ("engine", "n", "d", "dtype")

    def setup_cache(self):
        """Fit beforehand, since the peak of a fit would hide the peak of a draw."""
        compile_engines()
        warnings.simplefilter("ignore", ConvergenceWarning)
        drifter = ConservativeDrifter(
            max_iter=10, tol=0, early_stopping=False, random_state=0
        )
        return {
            parameters: clone(drifter).fit(normal_rows(*parameters))
            for parameters in product(N_FITTED, COLUMNS, DTYPES)
        }

    setup_cache.timeout = 600

    def setup(self, fitted, engine, *parameters):
        """Choose one of them; every method selects the engine again."""
        warnings.simplefilter("ignore", ConvergenceWarning)
        ready_engine(engine, *parameters)
        self.rows = normal_rows(*parameters)
        self.drifter = fitted[parameters].set_params(engine=engine)

    def time_fit(self, *_):
        """Measured in seconds."""
        self.drifter.fit(self.rows)

    def time_sample(self, *_):
        """Measured in seconds."""
        self.drifter.sample(len(self.rows))

    def time_transform(self, *_):
        """Measured in seconds."""
        self.drifter.transform(self.rows)

    def peakmem_fit(self, *_):
        """Measured in bytes, with those of the imports."""
        self.time_fit()

    def peakmem_sample(self, *_):
        """Measured in bytes, with those of the imports."""
        self.time_sample()

    def peakmem_transform(self, *_):
        """Measured in bytes, with those of the imports."""
        self.time_transform()
