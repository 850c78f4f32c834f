"""The trials by name: a type or function by hand, alive in a run, kept after it, from other threads."""

import ctypes
import sys
import threading
import time

from doors import scene
from doors.abuses import abuses, abuses_alive, ordinary
from doors.named import NAMED
from doors.subjects import subjects

SUBJECTS = subjects()
TYPES = {name: thing for name, thing in SUBJECTS.items() if isinstance(thing, type)}


def by_hand(name):
    def trial(attempt):
        for description, call in abuses(name, SUBJECTS[name]):
            attempt(description, call)

    return trial


def in_a_run(name):
    def trial(attempt):
        def act():
            others = ordinary()
            for description, call in abuses_alive(name, scene.alive(TYPES[name]), others):
                attempt(f"in a run: {description}", call)
            attempt("the rest of the run", lambda: None)

        scene.live(act)

    return trial


def after_a_run(name):
    def trial(attempt):
        kept = scene.live(lambda: None)
        for description, call in abuses_alive(name, scene.alive(TYPES[name]), ordinary()):
            attempt(f"after a run: {description}", call)
        del kept

    return trial


def from_another_thread(name):
    """Abuse what lives from another thread, while the one of the run goes on."""

    def trial(attempt):
        def act():
            # Nobody else may be making a tuple while all objects are looked through: it would be seen half made.
            for thread in threads:
                thread.join()
            things, others = scene.alive(TYPES[name]), ordinary()
            stop = time.monotonic() + 0.2

            def abuse():
                for description, call in abuses_alive(name, things, others):
                    attempt(f"from another thread: {description}", call)
                    if time.monotonic() > stop:
                        return

            thread = threading.Thread(target=abuse)
            thread.start()
            thread.join(0.02)
            threads.append(thread)

        threads = []
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for _ in range(3):
                scene.live(act)
        finally:
            sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()

    return trial


def null_is_read(attempt):
    attempt("nothing wrong", lambda: None)
    attempt("address 0 is read", lambda: ctypes.string_at(0))
    attempt("nothing wrong again", lambda: None)


def never_ends(attempt):
    def loop():
        while True:
            pass

    attempt("an endless loop", loop, seconds=1)


def system_error(attempt):
    def raise_it():
        raise SystemError("null without an error")

    attempt("an error of the interpreter", raise_it)


TRIALS = {
    "self: null": null_is_read,
    "self: hang": never_ends,
    "self: disorder": system_error,
    **{f"named: {name}": trial for name, trial in NAMED.items()},
    **{f"by hand: {name}": by_hand(name) for name in SUBJECTS},
    **{f"in a run: {name}": in_a_run(name) for name in TYPES},
    **{f"after a run: {name}": after_a_run(name) for name in TYPES},
    **{f"from another thread: {name}": from_another_thread(name) for name in TYPES},
}
