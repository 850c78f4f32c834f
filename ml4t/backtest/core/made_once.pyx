"""What an object makes when it is first asked for, and keeps."""

cimport cython


@cython.final
cdef class made_once:
    """made_once(make)\n--\n
    ``functools.cached_property`` in C, and without its lock.

    Up to Python 3.11 one lock of the class is taken for all objects: threads that each measure a run of their own wait
    for one another, and one thread pays for it. In Python a short run pays as much for being asked as for what it makes.

    Parameters
    ----------
    make : callable
        The method whose result is kept in the object's ``__dict__``, by its name.
    """

    cdef object _make
    cdef object _name

    def __cinit__(self, make):
        self._make = make

    def __set_name__(self, owner, str name):
        self._name = name

    def __get__(self, thing, owner):
        if thing is None:
            return self
        made = self._make(thing)
        (<dict> thing.__dict__)[self._name] = made
        return made
