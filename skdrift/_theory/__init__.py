"""The quantities of the finite-particle theory, as functions of arrays.

What :mod:`skdrift.diagnostics` makes public, and the rules of the estimators are made
of: it knows engines, fields and kernels, and no estimator.
"""
