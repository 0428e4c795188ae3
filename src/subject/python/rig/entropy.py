"""Entropy: each thread gets values of its own, the same in every execution."""

import hashlib
import os
import random
import uuid

from .scheduler import scheduler

_seed = random.Random.seed


def urandom(size):
    """`os.urandom`."""
    me = scheduler.current
    count = me.made["entropy"] = me.made.get("entropy", 0) + 1
    return hashlib.shake_128(f"{me.key} {count}".encode()).digest(size)


def uuid4():
    """`uuid.uuid4`."""
    return uuid.UUID(bytes=urandom(16), version=4)


def seed(self, a=None, version=2):
    """`Random.seed`, which without a seed takes one that is the same in every execution."""
    _seed(self, int.from_bytes(urandom(32), "big") if a is None else a, version)


def reset():
    """The module's own generator begins anew."""
    random.seed(7)


def install():
    """Puts these in the place of real entropy."""
    os.urandom = random._urandom = urandom
    uuid.uuid4 = uuid4
    random.Random.seed = seed
    random.seed = random._inst.seed
    scheduler.at_reset.append(reset)
