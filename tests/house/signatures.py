"""Parameter names of C functions, as a .pxd and its .pyx each have them."""

from collections.abc import Iterator

from house.tree import walk

Parameters = dict[str, tuple[str, ...]]


def parameters(tree) -> Parameters:
    """Return the parameter names of each C function and method of a module, by ``Class.name``."""
    found = dict(_functions(tree, ""))
    for node in walk(tree):
        if type(node).__name__ == "CClassDefNode":
            found |= dict(_functions(node.body, f"{node.class_name}."))
    return found


def _functions(block, prefix: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in _own_nodes(block):
        for declarator in _declarators(node):
            function = _function(declarator)
            if function is not None:
                yield prefix + _name(function.base), tuple(map(_argument, function.args))


def _declarators(node) -> list:
    kind = type(node).__name__
    if kind == "CVarDefNode":
        return node.declarators
    return [node.declarator] if kind == "CFuncDefNode" else []


def _argument(node) -> str:
    # Without a type, `self` is taken for one.
    return _name(node.declarator) or str(node.base_type.name)


def _own_nodes(block) -> Iterator:
    """Every node but those inside of classes: their methods are found with the class's name."""
    if type(block).__name__ == "CClassDefNode":
        return
    yield block
    for attribute in block.child_attrs or ():
        child = getattr(block, attribute, None)
        for item in child if isinstance(child, list) else [child]:
            if item is not None and hasattr(item, "child_attrs"):
                yield from _own_nodes(item)


def _function(declarator):
    while declarator is not None and type(declarator).__name__ != "CFuncDeclaratorNode":
        declarator = getattr(declarator, "base", None)
    return declarator


def _name(declarator) -> str:
    while declarator is not None and not hasattr(declarator, "name"):
        declarator = getattr(declarator, "base", None)
    return "" if declarator is None else str(declarator.name or "")
