"""Protobuf to domain and back: one file per service, interceptors, health, the status table."""
