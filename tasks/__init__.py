"""One module per DVC stage, run as `python -m tasks.<stage>`."""
