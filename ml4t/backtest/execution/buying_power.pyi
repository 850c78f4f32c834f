# Nothing for Python: what can be paid is asked in C (buying_power.pxd).
