"""Time and peak memory of skdrift from commit to commit, for airspeed velocity.

Run ``asv machine --yes`` once to record the machine. ``asv run -E existing --quick``
then measures the project as it is checked out, with the Python that runs asv, in three
minutes on two cores. ``asv run`` measures the last commit in an environment of its own,
with the extra ``fast``, and keeps the result for ``asv compare`` and ``asv publish``.

A peak is of the whole process, including some hundred MiB of imports; a matrix of all
pairs would stand out from it.
"""
