"""Reports of a run: for CI, for machines, for a person, for a badge, and the bytes themselves."""
