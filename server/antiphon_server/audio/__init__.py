"""Samples and bytes: codecs, containers, sample rates."""
