"""What a saved estimator knows of the library that wrote it."""

import warnings

from sklearn.exceptions import InconsistentVersionWarning


class VersionedStateMixin:
    """Saves the version of skdrift in the state, and warns where another loads it.

    scikit-learn's base class does so for estimators of its own alone. Fitted
    attributes are not stable between versions: loaded by another, a drifter may fail,
    or draw something else.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_skdrift_version": _version()}

    def __setstate__(self, state):
        state = dict(state)
        written_by = state.pop("_skdrift_version", "unknown")
        if written_by != _version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"{type(self).__name__} of skdrift",
                    current_sklearn_version=_version(),
                    original_sklearn_version=written_by,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


def _version():
    from . import __version__  # which is set after this module is imported

    return __version__
