"""SEC facts, periods, metrics, the store and search."""
