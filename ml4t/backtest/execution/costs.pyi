# Nothing for Python: what fills cost is found in C (costs.pxd).
