"""Every method the doors can have, read from the descriptors, so that a new one without a rule is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from bridge.v1 import (
    admin_service_pb2,
    cargo_service_pb2,
    identifier_service_pb2,
    ledger_service_pb2,
    relayer_service_pb2,
)

_OWN: tuple[Any, ...] = (
    ledger_service_pb2.DESCRIPTOR,
    cargo_service_pb2.DESCRIPTOR,
    identifier_service_pb2.DESCRIPTOR,
    admin_service_pb2.DESCRIPTOR,
    relayer_service_pb2.DESCRIPTOR,
)
_STANDARD: tuple[Any, ...] = (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)


@cache
def known_methods() -> frozenset[str]:
    """Every method as "package.Service/Method": the five services, health and reflection."""
    return frozenset(name for name, _ in _methods(_OWN + _STANDARD))


@cache
def request_classes() -> Mapping[str, type[Message]]:
    """Request message of every method of the five services, by "package.Service/Method"."""
    return {name: GetMessageClass(method.input_type) for name, method in _methods(_OWN)}


def _methods(files: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return [
        (f"{service.full_name}/{method.name}", method)
        for file in files
        for service in file.services_by_name.values()
        for method in service.methods
    ]
