"""Time and peak memory of skdrift from commit to commit, for airspeed velocity.

``asv machine --yes``, once, notes what machine this is. ``asv run -E existing --quick``
then measures the project as it is checked out, with the Python that runs asv: three
minutes on two cores. ``asv run`` measures the last commit in an environment of its own,
with the extra ``fast``, and keeps the result for ``asv compare`` and ``asv publish``.

A peak counts the whole process, some hundred MiB of imports included; a matrix of all
pairs would stand out from it.
"""
