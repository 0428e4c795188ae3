"""`queue.SimpleQueue`. The other queues of the standard library are made of the locks and conditions of `locks`."""

import sys
import types
from _queue import Empty

from . import clock, locks
from .names import Names
from .scheduler import scheduler


class SimpleQueue:
    """`queue.SimpleQueue`: one operation to put, one to get."""

    __class_getitem__ = classmethod(types.GenericAlias)

    def __init__(self):
        self._items = []
        self._shared, self._is_detail = Names.current.make("queue", sys._getframe(1))

    def _some(self):
        return bool(self._items)

    def put(self, item, block=True, timeout=None):
        """Appends an item. It never waits."""
        scheduler.visible("put", self._shared)
        self._items.append(item)

    def put_nowait(self, item):
        """Appends an item."""
        self.put(item)

    def get(self, block=True, timeout=None):
        """Takes the first item, waiting for one if it may."""
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if not block:
            scheduler.visible("get_nowait", self._shared)
            if not self._items:
                raise Empty
            return self._items.pop(0)
        deadline = clock.deadline(timeout)
        is_some = scheduler.visible("get", self._shared, self._some, deadline, idle=self._may_idle())
        if deadline is not None:
            deadline.disarm()
        if not is_some:
            raise Empty
        return self._items.pop(0)

    def get_nowait(self):
        """Takes the first item, if there is one."""
        return self.get(False)

    def empty(self):
        """Whether it holds nothing now."""
        scheduler.touch(self._shared, False)
        return not self._items

    def qsize(self):
        """How many items it holds now."""
        scheduler.touch(self._shared, False)
        return len(self._items)

    def _may_idle(self):
        return locks.may_idle()
