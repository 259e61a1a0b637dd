"""The other side of the client's contract tests: a scripted server, and clients of other languages."""
