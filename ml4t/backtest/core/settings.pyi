# Nothing for Python: the settings of a run are C values (settings.pxd).
