# Nothing for Python: orders by their price are kept in C (price_heap.pxd).
