"""Prompt-completion pairs and their hold-outs."""
