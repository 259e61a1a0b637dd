"""WebSocket dialects."""
