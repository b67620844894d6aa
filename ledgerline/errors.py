"""The one exception that is meant for the reader of a terminal."""


class LedgerlineError(Exception):
    """Something the person running Ledgerline can mend.

    The message says what was wrong, where (file, key, accession) and what to do;
    command-line entry points print it without a traceback and exit with status 1.
    """
