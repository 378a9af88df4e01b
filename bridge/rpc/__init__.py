"""The doors: servers, identity and roles, error mapping, servicers and typed clients; the only rooms that know gRPC."""
