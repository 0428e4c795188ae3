"""Objects that threads share, with and without a lock."""


class Counter:
    """Counts, and forgets what others count meanwhile."""

    total = 0

    def __init__(self):
        self.count = 0
        self.name = "counter"
        self.log = []

    def add(self):
        self.count += 1
        self.log.append(self.name)
