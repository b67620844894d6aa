"""Pages to read what training did."""
