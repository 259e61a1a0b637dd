"""Settings: frozen dataclasses, read once from flags, environment, file and defaults."""
