"""Threads as programs begin them: `_thread`, `threading` and thread-local values."""

import _thread
import functools
import sys
import types
import weakref

from . import locks
from .names import Shared
from .queues import SimpleQueue
from .scheduler import Unwound, scheduler

real_thread_module = _thread


class JoinLock(locks.Lock):
    """The lock that 3.12 has for the life of a thread: who takes it has joined the thread."""

    __slots__ = ()

    def __init__(self, thread):
        self._owner, self._is_detail = None, False
        self._shared = Shared(thread.role, thread.key)

    def acquire(self, blocking=True, timeout=-1):
        me = scheduler.current
        if self._owner is None and me.sentinel is self:
            self._owner = me
            return True
        deadline = locks.waiting_time(blocking, timeout)
        if blocking:
            is_over = scheduler.visible("join", self._shared, self._free, deadline, reads=True)
            if deadline is not None:
                deadline.disarm()
        else:
            scheduler.visible("is_alive", self._shared, reads=True)
            is_over = self._owner is None
        if is_over:
            self._owner = me
        return is_over

    def release(self):
        self._owner = None

    def end(self):
        """The thread is over."""
        self._owner = None


class ThreadHandle:
    """What 3.13 has for the life of a thread."""

    def __init__(self):
        self.ident = 0
        self._thread = None
        self._is_done = False
        self._shared = None

    def is_done(self):
        """Whether the thread is over."""
        if self._shared is not None and not self._is_done:
            scheduler.visible("is_alive", self._shared, reads=True)
        return self._is_done

    def join(self, timeout=None):
        """Waits until the thread is over, at most so long."""
        if self._shared is None:
            if self._is_done:
                return
            raise RuntimeError("thread not started")
        if self._thread is scheduler.current:
            raise RuntimeError("Cannot join current thread")
        deadline = locks.clock.deadline(timeout if timeout is not None and timeout >= 0 else None)
        scheduler.visible("join", self._shared, self._over, deadline, reads=True)
        if deadline is not None:
            deadline.disarm()

    def _over(self):
        return self._is_done

    def _set_done(self):
        if not self.ident:
            raise RuntimeError("thread not started")
        self._is_done = True

    def belongs(self, thread):
        """This is the handle of the thread that is begun."""
        self._thread, self.ident = thread, thread.ident
        self._shared = Shared(thread.role, thread.key)
        thread.sentinel = self

    def end(self):
        """The thread is over."""
        self._is_done, self._thread = True, None

    def __repr__(self):
        return f"<_ThreadHandle object: ident={self.ident}>"


class Values(dict):
    """The values of a `local` by thread. Those of a thread that is over are gone."""

    __slots__ = ("__weakref__",)

    def begin(self, thread):
        """The values of a thread that has none yet."""
        values = self[thread] = {}
        thread.locals.append(weakref.ref(self))
        return values


class local:  # noqa: N801
    """`threading.local`."""

    __slots__ = ("__weakref__", "_rig_arguments", "_rig_values")

    def __new__(cls, /, *args, **kwargs):
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        all_values = Values()
        object.__setattr__(self, "_rig_values", all_values)
        object.__setattr__(self, "_rig_arguments", (args, kwargs))
        all_values.begin(scheduler.current)
        return self

    def __getattribute__(self, name):
        values = _values_of(self)
        if name == "__dict__":
            return values
        if name in values and not _is_data_descriptor(type(self), name):
            return values[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        values = _values_of(self)
        if _is_data_descriptor(type(self), name):
            object.__setattr__(self, name, value)
        else:
            values[name] = value

    def __delattr__(self, name):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        values = _values_of(self)
        if name in values:
            del values[name]
        elif _is_data_descriptor(type(self), name):
            object.__delattr__(self, name)
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _is_data_descriptor(cls, name):
    for base in cls.__mro__:
        if name in base.__dict__:
            return hasattr(type(base.__dict__[name]), "__set__")
    return False


def _values_of(one):
    """The values that this thread has in a `local`."""
    all_values = object.__getattribute__(one, "_rig_values")
    me = scheduler.current
    values = all_values.get(me)
    if values is None:
        values = all_values.begin(me)
        args, kwargs = object.__getattribute__(one, "_rig_arguments")
        type(one).__init__(one, *args, **kwargs)
    return values


def get_ident():
    """The number of the running thread."""
    return scheduler.current.ident


def start_new_thread(function, args=(), kwargs=None, /):
    """`_thread.start_new_thread`."""
    return _spawn(function, args, kwargs).ident


def start_joinable_thread(function, handle=None, daemon=True):
    """`_thread.start_joinable_thread` of 3.13."""
    handle = ThreadHandle() if handle is None else handle
    if handle.ident:
        raise RuntimeError("thread already started")
    _spawn(function, (), None, handle, daemon)
    return handle


def _spawn(function, args, kwargs, handle=None, daemon=False):
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    threading = sys.modules["threading"]
    owner = getattr(function, "__self__", None)
    thread = owner if isinstance(owner, threading.Thread) else None
    name = thread.name if thread is not None else getattr(function, "__name__", "thread")
    is_daemon = thread.daemon if thread is not None else True

    @functools.wraps(function, updated=())
    def body():
        function(*args, **(kwargs or {}))

    # The worker of an executor is joined at the end of a program, whatever it does then.
    is_service = getattr(getattr(thread, "_target", None), "__module__", "") == "concurrent.futures.thread"
    return scheduler.spawn(body, name, thread, is_daemon, is_service, thread is not None, handle)


def spawn(role, function, daemon=False):
    """Begins a thread of the program with this role, which runs the function."""
    threading = sys.modules["threading"]
    thread = threading.Thread(target=function, name=role, daemon=daemon)
    thread.start()
    return thread


def _set_sentinel():
    """The lock that is free when the running thread is over, of 3.12."""
    me = scheduler.current
    me.sentinel = JoinLock(me)
    return me.sentinel


def install_primitives():
    """Puts a module of ours in the place of `_thread`, before `threading` is imported. The import system keeps its own locks."""
    module = types.ModuleType("_thread")
    module.__dict__.update({name: getattr(real_thread_module, name) for name in dir(real_thread_module)})
    module.allocate_lock = module.allocate = module.LockType = locks.Lock
    module.RLock, module._local = locks.RLock, local
    module.start_new_thread = module.start_new = start_new_thread
    module.get_ident = module.get_native_id = get_ident
    if sys.version_info >= (3, 13):
        module.lock = locks.Lock
        module.start_joinable_thread, module._ThreadHandle = start_joinable_thread, ThreadHandle
        module._make_thread_handle, module._get_main_thread_ident = _main_handle, get_ident
    else:
        module._set_sentinel = _set_sentinel
    locks.TIMEOUT_MAX = real_thread_module.TIMEOUT_MAX
    sys.modules["_thread"] = module


def _main_handle(ident):
    handle = ThreadHandle()
    handle.ident = ident
    return handle


def make_imports_quiet():
    """What is done while a module is imported is done once in a process: it is no step."""
    import importlib._bootstrap as bootstrap

    find_and_load = bootstrap._find_and_load

    def find_and_load_quietly(name, import_):
        me = scheduler.current
        me.quiet += 1
        try:
            return find_and_load(name, import_)
        finally:
            me.quiet -= 1

    bootstrap._find_and_load = find_and_load_quietly


class Unraisable:
    """What `sys.unraisablehook` takes: an error that ended a thread."""

    def __init__(self, error, function):
        self.exc_type, self.exc_value, self.exc_traceback = type(error), error, error.__traceback__
        self.err_msg, self.object = "Exception ignored in thread started by", getattr(function, "__wrapped__", function)
        if sys.version_info >= (3, 13):
            self.err_msg, self.object = f"{self.err_msg} {self.object!r}", None


def tell_errors(hook):
    """From now on this hook is told of each error that ends a thread."""
    sys.modules["threading"].excepthook = hook


def default_hook(args):
    """What Python does with an error that ends a thread."""
    sys.modules["threading"].__excepthook__(args)


def install():
    """Puts the rig's threads, locks and queues in the place of those of the standard library."""
    install_primitives()
    import threading

    locks.started_by = threading.Thread.__init__.__code__
    threading.Lock, threading.RLock = locks.Lock, locks.RLock
    threading._PyRLock = locks.RLock
    threading.Condition, threading.Event = locks.Condition, locks.Event
    locks.Condition.__module__ = locks.Event.__module__ = threading.__name__
    # Threads that the rig ends say nothing.
    make_hook = threading._make_invoke_excepthook

    def make_invoke_excepthook():
        invoke = make_hook()

        def unless_unwound(thread):
            if not isinstance(sys.exc_info()[1], Unwound):
                invoke(thread)

        return unless_unwound

    threading._make_invoke_excepthook = make_invoke_excepthook
    import _queue
    import queue

    _queue.SimpleQueue = queue.SimpleQueue = queue._PySimpleQueue = SimpleQueue
    make_imports_quiet()
    scheduler.tell_error = lambda error, function: sys.unraisablehook(Unraisable(error, function))
    scheduler.at_reset.append(forget_threads)


def forget_threads():
    """`threading` knows none of the threads of the execution before."""
    threading = sys.modules["threading"]
    main = threading._main_thread
    threading._active.clear()
    threading._active[main.ident] = main
    threading._limbo.clear()
    threading._dangling.clear()
    threading._dangling.add(main)
    if sys.version_info < (3, 13):
        threading._shutdown_locks.clear()
