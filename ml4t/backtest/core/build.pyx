"""How this copy of the package was built.

The profile is compiled in, so that a benchmark can refuse to measure the wrong one.
"""

cdef extern from *:
    """
    #include <float.h>

    /* docs/semantics.md section 10: IEEE doubles, rounded after every operation. */
    #ifdef __FAST_MATH__
    #error "ml4t.backtest cannot be built with -ffast-math: its results would depend on the compiler"
    #endif
    #if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1
    #error "ml4t.backtest needs double arithmetic without extended precision (on x86: -msse2 -mfpmath=sse)"
    #endif

    #define ML4T_QUOTED(word) #word
    #define ML4T_TEXT(word) ML4T_QUOTED(word)
    #ifdef ML4T_BUILD_NAME
    #define ML4T_PROFILE_TEXT ML4T_TEXT(ML4T_BUILD_NAME)
    #else
    #define ML4T_PROFILE_TEXT "unknown"
    #endif
    """
    const char* ML4T_PROFILE_TEXT


PROFILE = ML4T_PROFILE_TEXT.decode("ascii")
IS_CHECKED = bool(CHECKED)


def build_profile():
    """Return the profile this package was compiled in.

    Returns
    -------
    str
        ``release``, ``checked``, ``trace``, ``profile`` or ``asan``.
    """
    return PROFILE
