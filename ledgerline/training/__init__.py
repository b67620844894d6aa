"""Warm-up, GRPO, samplers, alarms and checkpoints."""
