# Types whose objects only the engine makes.
#
# An object of such a type that nobody filled has null pointers inside: to touch it ends the process.
# Sealed, the type refuses to be called from Python, its `__new__` too. C code in the module of the
# type makes objects as before, with `T.__new__(T)`, which Cython turns into a call that does not ask
# the type. A class attribute `_made` says where objects come from; it ends the message.

from cpython.object cimport PyObject, PyTypeObject

cdef extern from *:
    """
    #include <string.h>

    static PyObject* ml4t_refuse(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
        const char* dot = strrchr(type->tp_name, '.');
        PyObject* made = PyObject_GetAttrString((PyObject*) type, "_made");
        (void) args;
        (void) kwargs;
        if (made != NULL) {
            PyErr_Format(
                PyExc_TypeError, "%s is not made by hand: %S", dot ? dot + 1 : type->tp_name, made
            );
            Py_DECREF(made);
        }
        return NULL;
    }

    /* Returns what made objects until now. */
    static newfunc ml4t_seal(PyObject* object) {
        PyTypeObject* type = (PyTypeObject*) object;
        newfunc maker = type->tp_new;
        type->tp_new = ml4t_refuse;
        type->tp_vectorcall = NULL;
        PyType_Modified(type);
        return maker;
    }

    static inline PyObject* ml4t_make(newfunc maker, PyObject* type, PyObject* nothing) {
        return maker((PyTypeObject*) type, nothing, NULL);
    }
    """
    ctypedef PyObject* (*newfunc)(PyTypeObject*, PyObject*, PyObject*) noexcept
    newfunc seal "ml4t_seal" (object type) noexcept
    object make "ml4t_make" (newfunc maker, object type, tuple nothing)
