# Nothing for Python: what a rule sees is filled in C (rule_view.pxd).
