"""The quantities of the finite-particle theory, as functions of arrays.

:mod:`skdrift.diagnostics` makes them public, and the parameter rules of the estimators
are built from them. They know engines, fields and kernels, but no estimator. All follow
Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795.
"""
