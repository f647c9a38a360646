"""Evaluation: suites, verifiers, and a model measured by them."""
