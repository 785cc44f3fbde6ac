"""Parameters that the functions of the theory share."""

PARAMETERS = {
    "X": """
        X : array-like of shape (n_particles, n_features)
            Particles.
    """,
    "Y": """
        Y : array-like of shape (n_data, n_features)
            Data.
    """,
    "bandwidth": """
        bandwidth : float
            Bandwidth h of the kernel, in the units of X.
    """,
    "kernel": """
        kernel : str or Kernel, default="gaussian"
            Kernel k: a name of :func:`skdrift.kernels.get_kernel` or a kernel.
    """,
    "laplace_kernel": """
        kernel : str or Kernel, default="laplace"
            Kernel k: a name of :func:`skdrift.kernels.get_kernel` or a kernel.
    """,
    "smooth_kernel": """
        kernel : str or Kernel, default="gaussian"
            Kernel k. It must be C^2, except with leave-one-out.
    """,
    "stein_kernel": """
        kernel : str or Kernel, default="gaussian"
            Kernel k. It must be C^2, except with leave-one-out: then a kink is allowed
            in the displacement field, and in the conservative field from two columns
            on.
    """,
    "density_kernel": """
        kernel : str or Kernel, default="gaussian"
            Kernel k. It must be a density in this dimension.
    """,
    "smooth_density_kernel": """
        kernel : str or Kernel, default="gaussian"
            Kernel k. It must be C^2 and a density in this dimension.
    """,
    "field": """
        field : {"conservative", "displacement"}, default="conservative"
            ``h^2 grad log(p_h / q_h)``, or the difference of two mean shifts.
    """,
    "stein_field": """
        field : {"conservative", "displacement"}, default="conservative"
            See :func:`residual_velocity`. The displacement field requires
            ``leave_one_out=True``.
    """,
    "leave_one_out": """
        leave_one_out : bool, default=False
            Whether a particle is excluded from its own model term.
    """,
    "sample_weight": """
        sample_weight : array-like of shape (n_data,), default=None
            Nonnegative weights of the data; only their ratios matter.
    """,
    "n_samples": """
        n_samples : int, default=2000
            Number of draws, at least 2.
    """,
    "random_state": """
        random_state : int, RandomState instance or None, default=None
            Determines the draws.
    """,
    "queries": """
        queries : array-like of shape (n_queries, n_features), default=None
            Points of evaluation; None for the particles.
    """,
    "radius": """
        radius : float, default=1.0
            Radius r0 of the ball, in bandwidths.
    """,
    "jacobian": """
        jacobian : array-like of shape (n_points, n_features, n_features)
            Jacobians, as :func:`field_jacobian` returns them.
    """,
}
