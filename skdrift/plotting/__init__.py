"""Pictures of fitted drifters and of what they draw.

Displays in scikit-learn's style: ``from_estimator`` and ``from_samples`` compute and
draw, ``plot`` draws again, into given axes if need be, and the artists are
attributes that end with an underscore. Matplotlib is needed, but not imported before
the first picture.
"""

from ._displays import (
    ConvergenceDisplay,
    MemorizationDisplay,
    SampleDisplay,
    TrajectoryDisplay,
    VelocityFieldDisplay,
)

__all__ = [
    "ConvergenceDisplay",
    "MemorizationDisplay",
    "SampleDisplay",
    "TrajectoryDisplay",
    "VelocityFieldDisplay",
]
