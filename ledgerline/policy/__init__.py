"""Tokenizer, model, adapters and generation engines."""
