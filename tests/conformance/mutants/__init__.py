"""Deliberately broken programs, each with the conformance cases that must notice.

A mutant is a shipped program in which one rule is not held: a piece of one function's source is exchanged, by name,
before the program starts. It runs as a real process behind real TLS, and the kit meets it as it would meet any other.
"""
