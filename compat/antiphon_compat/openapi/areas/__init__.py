"""What the document says, a module per group of routes: ``PATHS`` and ``SCHEMAS`` of OpenAPI 3.1."""
