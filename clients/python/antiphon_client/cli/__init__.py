"""The ``antiphon`` command line: one module a command."""
