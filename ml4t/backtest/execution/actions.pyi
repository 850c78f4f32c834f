# Nothing for Python: the engine applies corporate actions in C (actions.pxd).
