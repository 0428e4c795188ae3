"""An adapter of the package `watched`, in the folder that the scenario names."""

import sys

from turnloom_rig import program


class Watching(program.Adapter):
    """Its steps are the methods of the counter."""

    packages = ("watched",)

    def load(self, scenario):
        sys.path.insert(0, scenario["folder"])
        import watched.shared
        import watched.syntax

        self.shared, self.syntax = watched.shared, watched.syntax

    def begin(self):
        self.counter = self.shared.Counter()

    def act(self, actor, step):
        getattr(self.counter, step)()

    def observe(self):
        return {"count": self.counter.count, "log": len(self.counter.log), "syntax": repr(self.syntax.everything())}
