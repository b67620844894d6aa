"""Detectors, expectation suites and the quarantine."""
