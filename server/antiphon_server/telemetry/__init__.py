"""Logs and metrics. Neither ever holds text, transcripts or audio."""
