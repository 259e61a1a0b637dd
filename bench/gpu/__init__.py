"""What the speech model does on a GPU: correctness first, then figures, in stages that each leave their results behind.

It runs from the repository alone, on a machine that has torch and nothing of ours installed:
``python3 -m bench.gpu --part A --out DIR`` and then ``--part B``; ``--device cpu --size tiny`` proves the stages.
"""
