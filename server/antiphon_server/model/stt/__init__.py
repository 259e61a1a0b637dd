"""Higgs Audio v3 STT: what its checkpoint holds, and its way from samples to text ids."""
