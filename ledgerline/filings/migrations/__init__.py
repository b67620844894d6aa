"""Alembic migrations of the store; see ledgerline/filings/upgrade.py."""
