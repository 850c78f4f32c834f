# Nothing for Python: the engine applies corporate actions in C (corporate_actions.pxd).
