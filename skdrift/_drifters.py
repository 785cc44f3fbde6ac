"""The named estimators: a field and its defaults."""

from ._base import BaseDrifter
from .bandwidth import conservative_rate, laplace_rate
from .fields import conservative, displacement


class ConservativeDrifter(BaseDrifter):
    def __init__(
        self,
        *,
        kernel="gaussian",
        bandwidth="rate",
        n_particles=None,
        self_interaction="full",
        start="gaussian",
        standardize=True,
        annealing=30,
        step_size=1.0,
        max_iter=200,
        tol=5e-3,
        early_stopping=True,
        engine="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            self_interaction=self_interaction,
            start=start,
            standardize=standardize,
            annealing=annealing,
            step_size=step_size,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            engine=engine,
            random_state=random_state,
            verbose=verbose,
        )

    def _profiles(self, kernel):
        return conservative(kernel)

    def _rate(self, n, d):
        return conservative_rate(n, d)


class LaplaceDrifter(BaseDrifter):
    def __init__(
        self,
        *,
        kernel="laplace",
        bandwidth="rate",
        n_particles=None,
        self_interaction="leave-one-out",
        start="gaussian",
        standardize=True,
        annealing=30,
        step_size=1.0,
        max_iter=200,
        tol=5e-3,
        early_stopping=True,
        engine="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            kernel=kernel,
            bandwidth=bandwidth,
            n_particles=n_particles,
            self_interaction=self_interaction,
            start=start,
            standardize=standardize,
            annealing=annealing,
            step_size=step_size,
            max_iter=max_iter,
            tol=tol,
            early_stopping=early_stopping,
            engine=engine,
            random_state=random_state,
            verbose=verbose,
        )

    def _profiles(self, kernel):
        return displacement(kernel)

    def _rate(self, n, d):
        return laplace_rate(n, d)
