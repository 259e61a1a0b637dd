"""Samples: formats, resampling, encoders, decoders, fades."""
