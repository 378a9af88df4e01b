"""What operations and packets do to state: one module a subject, each rule in a validate step before its execute
step.
"""
