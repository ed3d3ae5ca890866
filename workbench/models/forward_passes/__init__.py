"""Engines for forward passes: TensorFlow, or what computes the same numbers faster on this machine."""
