"""Sums over sources by an engine that is chosen for each of them."""

from ..engines import BoundSources, Engine, Work, get_engine
from ..fields import displacement
from ..kernels import Kernel


class EngineByWork(Engine):
    """Engine of a name, which leaves sums that it cannot do to the automatic choice."""

    def __init__(self, name="auto"):
        self.name = name

    def bind(self, sources, log_weights=None):
        return _SourcesByWork(self.name, sources, log_weights)


class _SourcesByWork(BoundSources):
    def __init__(self, engine, rows, log_weights):
        super().__init__(rows, log_weights)
        self.engine = engine

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        shape = len(queries), len(self.rows), queries.shape[1]
        work = Work(*shape, 1, profiles, queries.dtype)
        try:
            engine = get_engine(self.engine, work)
        except ValueError:  # it cannot do this work
            engine = get_engine("auto", work)
        bound = engine.bind(self.rows, self.log_weights)
        return bound.reduce(queries, profiles, bandwidth, deleted)


class _Square(Kernel):
    """Square of any kernel, made of that kernel, so that only NumPy evaluates it."""

    def __init__(self, kernel):
        self.kernel = kernel

    def log_profile(self, r2):
        return 2.0 * self.kernel.log_profile(r2)

    def slope_ratio(self, r2):
        return 2.0 * self.kernel.slope_ratio(r2)


def log_square_sum(sources, queries, kernel, bandwidth, deleted):
    """Log of the sum of squares of weights and kernels, shape (n_queries,)."""
    known, engine = kernel.squared(), sources.engine
    if known is None:
        known, engine = (_Square(kernel), 1.0), "numpy"
    square, factor = known
    squares = EngineByWork(engine).bind(sources.rows, 2 * sources.log_weights)
    profiles = displacement(square)
    return squares.reduce(queries, profiles, bandwidth / factor, deleted).log_z
