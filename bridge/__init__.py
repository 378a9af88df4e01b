"""The bridge between two trade ledgers; see README.md for the map of the rooms."""
