# Values that Python reads and does not set, with an error that says more than that they are not writable.
#
# A type's table of values may have an entry without a setter. Here each such entry gets one that calls a
# function with the object and the name; it has to raise. Reading costs what it did.

cdef extern from *:
    """
    static PyObject* ml4t_on_set = NULL;

    static int ml4t_refuse_set(PyObject* object, PyObject* value, void* name) {
        PyObject* nothing = PyObject_CallFunction(ml4t_on_set, "Os", object, (const char*) name);
        (void) value;
        if (nothing != NULL) {
            Py_DECREF(nothing);
            PyErr_SetString(PyExc_AttributeError, (const char*) name);
        }
        return -1;
    }

    static void ml4t_make_read_only(PyObject* type, PyObject* on_set) {
        PyGetSetDef* entry = ((PyTypeObject*) type)->tp_getset;
        Py_INCREF(on_set);
        ml4t_on_set = on_set;
        for (; entry != NULL && entry->name != NULL; entry++) {
            if (entry->set == NULL) {
                entry->set = ml4t_refuse_set;
                entry->closure = (void*) entry->name;
            }
        }
    }
    """
    void make_read_only "ml4t_make_read_only" (object type, object on_set) noexcept
