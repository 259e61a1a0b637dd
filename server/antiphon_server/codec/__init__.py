"""Samples to codes and back, and the grid on which a model writes them."""
