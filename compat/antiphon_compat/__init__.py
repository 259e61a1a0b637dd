"""HTTP and WebSocket dialects in front of an Antiphon server."""
