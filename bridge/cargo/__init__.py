"""Cargo records: statements, documents, field commitments, identifier schemes and mappings; storing is left out."""
