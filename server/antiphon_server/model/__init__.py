"""Networks and their weights: what a checkpoint holds, and the arithmetic it is for."""
