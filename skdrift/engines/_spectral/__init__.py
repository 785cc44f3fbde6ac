"""Sums by nonuniform fast Fourier transform."""
