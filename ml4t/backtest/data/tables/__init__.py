"""Any table becomes arrays."""
