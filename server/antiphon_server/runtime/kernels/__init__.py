"""The small kernels of a decode step, in Triton for CUDA, each beside a twin in plain torch.

``NAME.py`` holds a kernel, ``NAME_twin.py`` the same function in torch: the same signature and rounding points, and the
same results up to the order of sums. All of them write into tensors that the caller keeps, wait for nothing and return
nothing, so that a step of them can be captured once and replayed. Only ``choice`` imports them: a machine that has no
Triton serves with the twins.

A padding row is a row like any other: the caller gives it a scratch slot in state and cache, which nobody reads.
Shapes: B rows of a step, H heads, G key heads, D head size, E hidden size.
"""
