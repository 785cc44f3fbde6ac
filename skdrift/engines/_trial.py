"""Trial of an engine: one that is installed may still not run."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np


def trial_error(engine, work):
    """Error of a first reduction, of two points, or None.

    What the engine compiles for it, it would compile anyway. The reduction runs in a
    thread of its own, because Ctrl-C would leave a package half imported, or be lost in
    a compilation.
    """
    if not engine.needs_trial:
        return None
    points = np.eye(2, work.n_features, dtype=work.dtype)

    def first():
        engine().bind(points).reduce(points, work.profiles, 1.0, np.arange(2))

    thread = ThreadPoolExecutor(1)
    try:
        thread.submit(first).result()
    except Exception as error:  # broken installations raise all kinds
        return error
    finally:
        thread.shutdown(wait=False)
    return None
