"""All ways to access an attribute. `everything()` must return the same whether the module was rewritten or not."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import traceback
import typing


class Base:
    kind: typing.ClassVar[str] = "base"

    def __init__(self, size):
        self.size = size
        self.__secret = size * 2

    def secret(self):
        return self.__secret

    def describe(self):
        return f"{self.kind} of {self.size!r:>4} and {self.__secret}"


class Derived(Base):
    kind = "derived"
    alias = Base.kind

    def __init__(self, size):
        super().__init__(size)
        super(Derived, self).__init__(size + 1)
        self.items = [self.size]

    def describe(self):
        return super().describe() + " derived"

    def owner(self):
        return __class__.__name__

    @property
    def doubled(self):
        return self.size * 2

    @doubled.setter
    def doubled(self, value):
        self.size = value // 2

    @doubled.deleter
    def doubled(self):
        self.size = 0


class Slotted:
    __slots__ = ("__hidden", "value")

    def __init__(self, value):
        self.value = value
        self.__hidden = [value]

    def grow(self):
        self.__hidden.append(self.value)
        self.value += len(self.__hidden)
        return self.__hidden, self.value


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int = 0
    y: typing.Any = dataclasses.field(default_factory=list)


class Lazy:
    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return f"lazy {name}"


calls = []


def once(value):
    calls.append(value)
    return value


def accesses():
    one = Derived(3)
    found = [one.describe(), one.secret(), one.owner(), one.alias, Derived.kind]
    one.size += 4
    once(one).size *= once(2)
    one.items += [one.size]
    one.items[once(0)] += 1
    one.items.append(one.size)
    del one.items[0]
    one.doubled = 20
    found += [one.size, one.doubled, list(one.items)]
    del one.doubled
    found.append(one.size)
    one.first, (one.second, *one.rest) = 1, (2, 3, 4)
    for one.index in range(3):
        pass
    with contextlib.nullcontext(5) as one.opened:
        pass
    one.typed: one.no_such = 7
    found += [one.first, one.second, one.rest, one.index, one.opened, one.typed]
    del one.first, one.typed
    return [*found, hasattr(one, "first"), sorted(one.__dict__), Slotted(1).grow()]


def scopes():
    one = Derived(2)
    found = [[one.size + other.size for other in (one, Base(5)) if other.size]]
    found.append({other.size: other.kind for other in (one, Base(5))})
    found.append((lambda other=one: other.size)())
    found.append([made.size for number in (1, 2) if (made := Base(number)).size > 1])

    class Inner:
        size = one.size

        def get(self, extra=one.size):
            nonlocal found
            return self.size + extra + one.size

    found.append(Inner().get())
    found.append(sum(other.size for other in [one] * 2))
    return found


def matches(value):
    match value:
        case Color.RED:
            return "red"
        case Point(x=0, y=[first, *_]) if value.y[0] == first:
            return f"point with {first}"
        case Derived(size=size) | Base(size=size):
            return f"size {size}"
        case {"kind": Color.BLUE, **rest}:
            return f"blue {rest}"
        case _:
            return getattr(value, "value", None)


async def awaited(one):
    async with contextlib.AsyncExitStack() as one.stack:
        return [one.size async for _ in numbers()], await other(one)


async def numbers():
    for number in range(2):
        yield number


async def other(one):
    one.size -= 1
    return one.size


def raises():
    one = Derived(1)
    try:
        return one.items[0].missing
    except AttributeError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return str(error), frame.lineno, frame.colno, frame.end_colno, frame.line


def private():
    class _Under:
        def __init__(self):
            self.__x = 1

        def bump(self):
            self.__x += 1
            return self.__x, sorted(vars(self))

    class __:
        def set(self):
            self.__y = 2
            return sorted(vars(self))

    return _Under().bump(), __().set()


def everything():
    calls.clear()
    coroutine = awaited(Derived(4))
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result = stop.value
    lazy = Lazy()
    lazy.asked.append(lazy.thing)
    cases = [Color.RED, Point(y=[4]), Derived(1), Base(1), {"kind": Color.BLUE, "more": 1}, Color.BLUE]
    matched = [matches(case) for case in cases]
    return [accesses(), scopes(), matched, result, raises(), private(), lazy.asked, list(map(str, calls[1:])), Point(1).x]
