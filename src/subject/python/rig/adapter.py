"""The base class of adapters: what the rig asks of one, with what most answer."""


class Refused(Exception):
    """Why an adapter cannot load a program or a scenario, and what helps."""

    def __init__(self, why, help=""):
        super().__init__(why)
        self.why, self.help = why, help


class Adapter:
    """Begins, plays and observes executions of one kind of program.

    An adapter of a counter that two actors raise, with scenarios whose only step is `"raise"`:

        from turnloom_rig import program

        class Counter(program.Adapter):
            packages = ("counter",)

            def load(self, scenario):
                import counter
                self.module = counter

            def begin(self):
                self.counter = self.module.Counter()

            def act(self, actor, step):
                self.counter.add(1)

            def observe(self):
                return {"value": self.counter.value}

    The class of this name with the most bases in the adapter's module is taken.
    """

    # The packages whose accesses of attributes are watched, and whose places a step names.
    packages = ()
    # Parts of the paths of files whose locks are details: operations on them are no steps, unless they have to wait.
    details = ()

    def check(self):
        """Raises `Refused` if what is under test is missing, too old or broken."""

    def versions(self):
        """The versions of the packages under test, by name."""
        return {}

    def load(self, scenario):
        """Imports what is under test and warms it up. Raises `Refused` for what it has no step for."""

    def begin(self):
        """The setup of one execution. It is not searched."""

    def act(self, actor, step):
        """Takes one step of the actor of this name, on the actor's thread."""
        raise NotImplementedError

    def happened(self, happening):
        """Whether a condition (a status, an event) of the scenario holds."""
        return False

    def watches(self, happening):
        """The `Shared` object that a wait for this condition reads."""
        return None

    def role_of(self, thread):
        """The role of a thread of the program; None for the one that the rig finds."""
        return None

    def settle(self):
        """Whether the program is at rest, once each actor is done."""
        return True

    def observe(self):
        """What can be seen of the execution, in the form of the engine's observations."""
        return {}

    def close(self):
        """Ends the execution. Nothing is left of it."""
