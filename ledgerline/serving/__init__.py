"""Pages to read what training did, and the completion server."""
