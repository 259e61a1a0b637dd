"""Engine processes: the framed local channel, the child, its supervisor and its remote face."""
