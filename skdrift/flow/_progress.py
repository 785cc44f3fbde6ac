"""What a running fit tells: lines of print, and scikit-learn's callbacks."""

from time import perf_counter

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for the mixin: an estimator that takes no callbacks."""

        def _init_callback_context(self, **options):
            return _NoContext()


class _NoContext:
    """A callback context that nobody listens to."""

    def subcontext(self, **options):
        return self

    def call_on_fit_task_begin(self, **arguments):
        return self

    def call_on_fit_task_end(self, **arguments):
        return False


class StepPrinter:
    """Prints every step, and the seconds since the one before.

    Parameters
    ----------
    prefix : str
        What every line begins with.
    """

    def __init__(self, prefix):
        self._prefix = prefix
        self._last = perf_counter()

    def __call__(self, step, bandwidth, residual):
        now = perf_counter()
        print(
            f"{self._prefix} step {step}, bandwidth {bandwidth:.4g}, residual velocity "
            f"{residual / bandwidth:.3g} bandwidths, {now - self._last:.2g} s"
        )
        self._last = now


def as_tasks(velocity, context, estimator):
    """The same velocity, every evaluation of which is a task to callbacks.

    Parameters
    ----------
    velocity : callable
        ``velocity(particles, bandwidth)``.
    context : CallbackContext
        Of the flow.
    estimator : object
        The estimator whose fit it is.

    Returns
    -------
    callable
    """

    def evaluate(x, h):
        task = context.subcontext(task_name="step")
        task.call_on_fit_task_begin(estimator=estimator)
        v = velocity(x, h)
        task.call_on_fit_task_end(estimator=estimator)
        return v

    return evaluate
