"""Verifiers, the rubric and its audit."""
