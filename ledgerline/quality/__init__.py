"""The gate between raw facts and everything that learns from them."""
