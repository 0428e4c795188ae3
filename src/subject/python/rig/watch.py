"""Which attributes of the packages under test each step reads and writes, and which of them race.

An attribute races by the lockset rule of Eraser (Savage and others, "Eraser: A Dynamic Data Race Detector for Multithreaded
Programs", SOSP 1997): several threads access it, one of them writes, and no lock is held at all accesses. Accesses by the thread
that first has the object count only when another thread has come: until then they make the object ready. Objects of the setup
are ready.

Locks are those of `threading`, and objects of the packages under test whose class has methods `acquire` and `release`. A thread
holds such an object from the end of an `acquire` that returns True or None to the beginning of the `release` that belongs to it.
Another method with `release` in its name lets it go however often it was taken, and the next one with `acquire` in its name takes
it back. An object that two threads seem to hold at the same time, as a semaphore, guards nothing in that execution.
"""

import builtins
import collections
import functools
import importlib.abc
import importlib.machinery
import sys
import types

from . import rewrite
from .names import Shared, is_in
from .scheduler import scheduler

# Values whose attributes never change.
PLAIN = frozenset(
    (
        types.ModuleType,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.MethodType,
        types.GenericAlias,
        str,
        int,
        float,
        complex,
        bytes,
        tuple,
        bool,
        type(None),
        frozenset,
        range,
        slice,
        super,
    )
)
CONTAINERS = frozenset(
    (list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.defaultdict)
)


class Attribute:
    """One attribute of one object in an execution."""

    __slots__ = ("guards", "is_shared", "is_visible", "is_written", "name", "of", "thread")

    def __init__(self, of, name, is_visible):
        self.of, self.name, self.is_visible = of, name, is_visible
        # The first thread that accesses it while the execution is searched.
        self.thread = None
        self.is_shared = self.is_written = False
        # The keys of the locks that were held at each access that counts; None before the first of these.
        self.guards = None

    @property
    def key(self):
        """Its key as an object that threads share."""
        return f"{self.of.key}.{self.name}"

    def note(self, run, changes):
        """The running thread is about to access it, in an execution that is searched."""
        me = scheduler.current
        if self.thread is None:
            self.thread = me
        elif self.thread is not me:
            self.is_shared = True
        if self.is_shared or self.of.first is not me:
            self.guards = set(me.locks) if self.guards is None else self.guards.intersection(me.locks)
            self.is_written = self.is_written or changes
        if self.is_visible:
            shared = Shared(f"{self.of.owner}.{self.name}", self.key)
            scheduler.visible("write" if changes else "read", shared, reads=not changes)
        elif run.keeps_uses:
            run.use(self, changes)


class Watched(dict):
    """The attributes of one object that were accessed, by name."""

    __slots__ = ("first", "is_class", "key", "one", "owner")

    def __init__(self, one):
        # The object lives as long as its name is in use.
        self.one, self.is_class = one, isinstance(one, type)
        self.owner = one.__name__ if self.is_class else type(one).__name__
        me = scheduler.current
        # The thread that has it for itself at first: none a class, or what the setup has made.
        self.first = None if self.is_class or scheduler.run is None else me
        count = me.made[self.owner] = me.made.get(self.owner, 0) + 1
        self.key = f"{me.key}/{self.owner}#{count}"

    def add(self, name):
        """An attribute that is accessed for the first time."""
        attribute = self[name] = Attribute(self, name, (self.owner, name) in watch.visible)
        return attribute


class Watch:
    """The accesses of an execution."""

    def __init__(self):
        self.packages = ()
        self.visible = frozenset()
        self.is_on = False
        # The objects that were accessed, by their identity.
        self.objects = {}
        # Names of attributes of classes that were written.
        self.of_classes = set()
        # The keys of objects with `acquire` and `release` that two threads held at the same time.
        self.no_locks = set()
        # How often a thread had taken such an object that it let go to take it back, by the thread and the key.
        self.let_go = {}

    def install(self, packages, visible):
        """From now on the modules of these packages are watched, and these pairs of class and attribute are visible."""
        self.visible = frozenset(map(tuple, visible))
        if packages and not self.packages:
            told = {
                rewrite.READ: read,
                rewrite.WRITE: write,
                rewrite.MAKE: make,
                rewrite.CHANGE: change,
                rewrite.UPDATE: update,
                rewrite.ACQUIRE: tell_acquire,
                rewrite.RELEASE: tell_release,
            }
            for name, function in told.items():
                setattr(builtins, name, function)
            sys.meta_path.insert(0, Finder())
        self.packages = tuple(packages)

    def begin(self):
        """A new execution."""
        self.objects.clear()
        self.of_classes.clear()
        self.no_locks.clear()
        self.let_go.clear()

    def take(self, me, key, count):
        """A thread has taken an object that is a lock so often now."""
        me.locks[key] = count
        if any(key in thread.locks for thread in scheduler.threads if thread is not me):
            self.no_locks.add(key)

    def racy(self):
        """The attributes, by class and name, that threads shared and wrote without a lock that they all held."""
        all_attributes = (attribute for watched in self.objects.values() for attribute in watched.values())
        shared = (one for one in all_attributes if one.is_shared and one.is_written)
        found = {(one.of.owner, one.name) for one in shared if one.guards <= self.no_locks}
        return sorted([list(pair) for pair in found])


watch = Watch()
objects, of_classes = watch.objects, watch.of_classes


def watched(one):
    """What is known of an object; None for one that is not watched."""
    if not watch.is_on or type(one) in PLAIN:
        return None
    found = objects.get(id(one))
    if found is None:
        found = objects[id(one)] = Watched(one)
    return found


def read(one, name):
    """`one.name` is about to be read. (This is called more often than all else, so it calls little.)"""
    if type(one) in PLAIN or not watch.is_on:
        return one
    found = objects.get(id(one))
    if found is None:
        found = objects[id(one)] = Watched(one)
    attribute = found.get(name)
    if attribute is None:
        if found.is_class and name not in of_classes:
            return one
        attribute = found.add(name)
    run = scheduler.run
    if run is not None:
        if attribute.thread is scheduler.current and not (attribute.guards or attribute.is_visible):
            if run.keeps_uses and run.step is not None and attribute not in (uses := run.step["uses"]):
                uses[attribute] = False
        else:
            attribute.note(run, False)
    return one


def write(one, name):
    """`one.name` is about to be written or deleted."""
    found = watched(one)
    if found is not None:
        if found.is_class:
            of_classes.add(name)
        attribute = found.get(name) or found.add(name)
        run = scheduler.run
        if run is not None:
            attribute.note(run, True)
    return one


def make(one, name):
    """`one.name` is about to be written by the constructor of `one`: no other thread can know it yet."""
    watched(one)
    return one


def change(one, name):
    """What `one.name` is, is about to be changed in itself, if it is a container."""
    try:
        value = object.__getattribute__(one, "__dict__").get(name)
    except AttributeError:
        value = None
    return write(one, name) if type(value) in CONTAINERS else read(one, name)


def update(value, one, name):
    """`one.name` was read, and is about to be written with what this value makes of it."""
    write(one, name)
    return value


def tell_acquire(method):
    """A method with `acquire` in its name, which tells that its object is a lock that the calling thread has from then on."""
    is_plain = method.__name__ == "acquire"

    @functools.wraps(method)
    def acquire(one, *args, **kwargs):
        result = method(one, *args, **kwargs)
        if (result is True or result is None) and (lock := watched(one)) is not None:
            me = scheduler.current
            if is_plain:
                watch.take(me, lock.key, me.locks.get(lock.key, 0) + 1)
            elif (me, lock.key) in watch.let_go:
                watch.take(me, lock.key, watch.let_go.pop((me, lock.key)))
        return result

    return acquire


def tell_release(method):
    """A method with `release` in its name, which tells that the calling thread has the lock no more, or once less."""
    is_plain = method.__name__ == "release"

    @functools.wraps(method)
    def release(one, *args, **kwargs):
        if (lock := watched(one)) is not None:
            me = scheduler.current
            count = me.locks.pop(lock.key, 0)
            if is_plain and count > 1:
                me.locks[lock.key] = count - 1
            elif not is_plain and count:
                watch.let_go[me, lock.key] = count
        return method(one, *args, **kwargs)

    return release


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of the packages under test, to be rewritten."""

    def find_spec(self, fullname, path, target=None):
        """Where a module of these packages comes from; None for any other."""
        if not is_in(fullname, watch.packages):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module whose accesses are told."""

    def get_code(self, fullname):
        """The code of a module, rewritten."""
        path = self.get_filename(fullname)
        return rewrite.rewrite(self.get_data(path), path)
