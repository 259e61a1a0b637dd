"""The routes as an OpenAPI document, and as a page people read."""
