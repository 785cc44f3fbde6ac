"""Quality of generated rows: fidelity to the law of the data, and memorisation.

The functions compare rows in the units they are given in: standardise the columns
first if their units differ (``StandardScaler``, fitted to
the training rows). :func:`sample_quality_report` and :func:`make_sample_scorer`, which
are given rows in data units, standardise by themselves. A constant column counts in
data units.
"""

from ._memorization import closest_record_ratio, memorization_auc, near_copy_share
from ._neighborhoods import coverage, density
from ._report import sample_quality_report
from ._scorer import make_sample_scorer
from ._two_sample import (
    classifier_two_sample_test,
    energy_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
    wasserstein_distance,
)
from ._utility import train_on_synthetic_score

__all__ = [
    "classifier_two_sample_test",
    "closest_record_ratio",
    "coverage",
    "density",
    "energy_distance",
    "make_sample_scorer",
    "maximum_mean_discrepancy",
    "memorization_auc",
    "near_copy_share",
    "sample_quality_report",
    "sliced_wasserstein_distance",
    "train_on_synthetic_score",
    "wasserstein_distance",
]
