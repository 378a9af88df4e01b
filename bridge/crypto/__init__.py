"""Hash and signature suites; every other room asks `suite(id)` and never names an algorithm."""
