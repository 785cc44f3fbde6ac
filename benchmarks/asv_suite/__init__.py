"""Time and peak memory of skdrift from commit to commit, for airspeed velocity.

``asv run -E existing --quick`` measures the project as it is checked out, with the
Python that runs it; ``asv run`` builds commits in environments of their own.
"""
