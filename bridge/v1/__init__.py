"""Generated messages and services of proto package bridge.v1; never edited by hand, see `make proto`."""
