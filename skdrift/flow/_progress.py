"""Progress of a running fit: printed lines, scikit-learn's callbacks, checkpoints."""

from contextlib import contextmanager
from time import perf_counter

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the mixin: an estimator without callbacks."""

        def _init_callback_context(self, **options):
            return _NoContext()


class _NoContext:
    """A callback context without callbacks."""

    def subcontext(self, **options):
        return self

    def call_on_fit_task_begin(self, **arguments):
        return self

    def call_on_fit_task_end(self, **arguments):
        return False


def step_printer(estimator, what=""):
    """Printer of every step, and the seconds since the one before, if verbose."""
    if not estimator.verbose:
        return None
    last = perf_counter()

    def report(step, bandwidth, residual):
        nonlocal last
        now = perf_counter()
        print(
            f"[{type(estimator).__name__}]{what} step {step}, bandwidth {bandwidth:.4g}"
            f", residual velocity {residual / bandwidth:.3g} bandwidths, "
            f"{now - last:.2g} s"
        )
        last = now

    return report


class FitProgress:
    """Reports of one fit: a task, its flows, and their steps; and its checkpoint.

    ``new_context(max_subtasks=n)`` returns the callback context of the fit.
    """

    def __init__(self, estimator, new_context, checkpoint):
        self._estimator = estimator
        self._new_context = new_context
        self.checkpoint = checkpoint

    def engine_chosen(self, engine, work, n_rows, passed_over):
        """Print which engine sums, and why not faster ones."""
        if self._estimator.verbose:
            print(
                f"[{type(self._estimator).__name__}] engine {engine}, "
                f"{work.n_queries} particles, {n_rows} distinct rows, "
                f"{work.n_features} columns",
                *(f"not {name}: {reason}" for name, reason in passed_over().items()),
                sep="; ",
            )

    @contextmanager
    def fit(self, n_flows):
        """Task of the whole fit, of at most `n_flows` flows."""
        self._context = self._new_context(max_subtasks=n_flows)
        self._context = self._context.call_on_fit_task_begin(estimator=self._estimator)
        yield
        self._context.call_on_fit_task_end(estimator=self._estimator)

    @contextmanager
    def flow(self, field, n_evaluations, noise=None):
        """Task of one flow, and its steps: what to advance and report by."""
        if noise is not None and self._estimator.verbose:
            print(f"[{type(self._estimator).__name__}] start noise {noise:.3g}")
        task = self._context.subcontext(task_name="flow", max_subtasks=n_evaluations)
        task.call_on_fit_task_begin(estimator=self._estimator)
        advance = self.checkpoint.recording(field)

        def step(x, h, state):
            evaluation = task.subcontext(task_name="step")
            evaluation.call_on_fit_task_begin(estimator=self._estimator)
            result = advance(x, h, state)
            evaluation.call_on_fit_task_end(estimator=self._estimator)
            return result

        yield step, step_printer(self._estimator)
        task.call_on_fit_task_end(estimator=self._estimator)
