"""A verifier under test: vectors in files, its verdicts on standard output, and what they should have been."""
