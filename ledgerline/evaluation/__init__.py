"""Metrics, baselines, statistics, the promotion gate and the report."""
