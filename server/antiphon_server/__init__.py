"""The Antiphon server: gRPC in front, engines in processes of their own."""
