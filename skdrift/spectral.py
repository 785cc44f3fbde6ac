"""Rate at which drifting removes a difference of a given frequency.

Linearised about a flat density, a difference between the particles and the data that
oscillates like ``exp(i xi x)`` decays like ``exp(-lambda t)``. In displacement units
``lambda = u^2 Khat(u)`` with ``u = h |xi|``, Khat the spectrum of the normalised kernel
whose density gradient the field follows (Turan and Ovsjanikov, *Generative Drifting is
Secretly Score Matching*, arXiv:2603.09936). For waves longer than the bandwidth lambda
grows like ``u^2``; for shorter ones it depends on the spectrum. Exponential annealing
brings every wave to the bandwidth at which it decays fastest.
"""

from ._theory.spectral import decay_rate, mode_amplitudes, resolution_time

__all__ = ["decay_rate", "mode_amplitudes", "resolution_time"]
