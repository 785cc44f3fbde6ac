"""Quality of generated samples: fidelity to the data distribution, and memorisation.

The metrics use the columns as they are given. If their units differ, standardise them
first (``StandardScaler``, fitted to the training samples).
:func:`sample_quality_report` and :func:`make_sample_scorer` standardise by default. A
constant column is not scaled.
"""

from ._attacks import (
    attribute_disclosure,
    isolated_row_ratio,
    membership_inference,
    privacy_report,
    shadow_membership_inference,
)
from ._columns import column_shapes, pair_trends, support_violations
from ._memorization import closest_record_ratio, memorization_auc, near_copy_share
from ._neighborhoods import (
    alpha_precision,
    beta_recall,
    coverage,
    density,
    precision,
    recall,
)
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
    "alpha_precision",
    "attribute_disclosure",
    "beta_recall",
    "classifier_two_sample_test",
    "closest_record_ratio",
    "column_shapes",
    "coverage",
    "density",
    "energy_distance",
    "isolated_row_ratio",
    "make_sample_scorer",
    "maximum_mean_discrepancy",
    "membership_inference",
    "memorization_auc",
    "near_copy_share",
    "pair_trends",
    "precision",
    "privacy_report",
    "recall",
    "sample_quality_report",
    "shadow_membership_inference",
    "sliced_wasserstein_distance",
    "support_violations",
    "train_on_synthetic_score",
    "wasserstein_distance",
]
