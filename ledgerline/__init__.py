"""Ledgerline: SEC filings in, a small model that completes financial figures out."""
