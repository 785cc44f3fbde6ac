"""Plots of fitted drifters and of the samples they draw.

Displays follow scikit-learn: ``from_estimator`` and ``from_samples`` compute and draw,
``plot`` draws again, optionally into given axes, and the artists are attributes that
end with an underscore. Matplotlib is required, but not imported before the first plot.
"""

from ._convergence import ConvergenceDisplay
from ._memorization import MemorizationDisplay
from ._samples import SampleDisplay
from ._trajectory import TrajectoryDisplay
from ._velocity_field import VelocityFieldDisplay

__all__ = [
    "ConvergenceDisplay",
    "MemorizationDisplay",
    "SampleDisplay",
    "TrajectoryDisplay",
    "VelocityFieldDisplay",
]
