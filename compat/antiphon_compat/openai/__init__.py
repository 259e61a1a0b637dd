"""Routes of the OpenAI and Boson HTTP APIs, a module per endpoint."""
