"""Small real models from pip wheels that run on two CPU cores."""
