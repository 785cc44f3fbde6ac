"""Where particles start."""
