"""The services of the contract and their methods, as its files and their descriptors tell them."""

import importlib
from pathlib import Path

PROTOS = sorted((Path(__file__).parents[2] / "proto/antiphon/speech/v1").glob("*.proto"))
_MODULES = [importlib.import_module(f"antiphon.speech.v1.{path.stem}_pb2") for path in PROTOS]

SERVICES = [service for module in _MODULES for service in module.DESCRIPTOR.services_by_name.values()]
METHODS = {f"{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
