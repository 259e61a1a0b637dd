"""Policy of the engines in plain Python: what they promise, who gets in, in what order. No torch, no wire."""
