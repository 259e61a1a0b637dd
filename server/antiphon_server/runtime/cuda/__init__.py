"""The Higgs runtime on CUDA: graphs, lanes and pinned memory. Every part also runs on a CPU, where tests prove it."""
