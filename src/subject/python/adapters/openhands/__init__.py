"""The adapter of openhands-sdk and openhands-agent-server, from 1.23.0 on.

An execution is one conversation (`through: conversation`) or one event service with one subscriber (`through: service`) in a
folder of its own. The server of an ACP agent is the engine's; the LLM of any other agent is spoken to at the transport of its HTTP
client. Titles, webhooks, telemetry and the service's `git init` are off. Nothing here imports `openhands` before `load`.

What the SDK does not show, so that rules that need it are not applicable:

- `stuck` and `lock_order`, which are the rig's to tell;
- who asked for a run that a goal loop of the service begins;
- a pause and an interrupt are `VainStop`s if they came when the conversation could not be paused any more; which of two that
  cross each other is the vain one is not known.
"""

import json

from turnloom_rig import program

from . import release

# The steps that the rig's worker does not play itself.
CALLS = {"run", "run_sync", "interrupt", "pause", "accept", "reject", "close", "reload", "send", "switch_model", "tool"}


class Adapter(program.Adapter):
    """Begins, plays and observes conversations of the installed openhands-sdk."""

    packages = ("openhands",)

    def __init__(self):
        self.scenario = self.agent = self.play = None
        # What the SDK uses has locks that guard what no actor can see.
        self.details = release.details()

    def check(self):
        """Refuses an SDK that is missing, too old, or at odds with its client library."""
        release.check()

    def versions(self):
        return release.versions()

    def load(self, scenario):
        """Imports the SDK. Refuses a step, an agent or a timer that it does not know."""
        is_served = scenario.get("through") == "service"
        release.prepare(is_served)
        refuse_unknown_steps(scenario, is_served)
        from . import agents, play

        play.install()
        refuse_missing_calls(scenario, play.calls(is_served))
        self.scenario, self.agent = scenario, agents.agent_of(scenario)
        if scenario["agent"]["kind"] != "acp":
            play.warm_up(scenario, self.agent)

    def begin(self):
        from .play import Play

        self.play = Play(self.scenario, self.agent)
        self.play.begin()

    def act(self, actor, step):
        self.play.act(actor, step)

    def happened(self, happening):
        return self.play.record.happened(happening)

    def watches(self, happening):
        return self.play.record.status if "status" in happening else self.play.record.log

    def role_of(self, thread):
        """The role of a thread that asyncio, anyio or the SDK began."""
        return role_of(thread)

    def settle(self):
        return self.play.is_at_rest()

    def observe(self):
        return self.play.observe()

    def close(self):
        if self.play is not None:
            self.play.close()
            self.play = None


def refuse_unknown_steps(scenario, is_served):
    """Raises `Refused` for a step that there is no call for."""
    steps = [(actor["name"], step) for actor in scenario["actors"] for step in actor["does"]]
    is_acp = scenario["agent"]["kind"] == "acp"
    for actor, step in steps:
        name = step if isinstance(step, str) else next(iter(step))
        if name in ("open", "wait"):
            continue
        if name not in CALLS:
            raise program.Refused(f"{actor} takes a step that the SDK has no call for: {json.dumps(step)}", "leave the step out")
        if name == "run_sync" and is_served:
            raise program.Refused(f"{actor} takes the step run_sync through the service", "write `run`")
        if name == "tool" and is_acp:
            raise program.Refused(
                f"{actor} is a tool, and the tools of an ACP agent are its server's", "give the scenario an agent of kind `llm`"
            )


def refuse_missing_calls(scenario, calls):
    """Raises `Refused` for a step whose call this release has not; `calls` gives the calls that it has."""
    for actor in scenario["actors"]:
        for step in actor["does"]:
            name = step if isinstance(step, str) else next(iter(step))
            if not calls.get(name, True):
                why = f"{actor['name']} takes the step {name}, which {release.SDK} {release.version(release.SDK)} has no call for"
                raise program.Refused(why, "install a newer release")


def role_of(thread):
    """What a thread is for, by the function that it runs or the name that its pool gave it; None if neither tells."""
    target = getattr(thread, "_target", None)
    if "run_blocking_portal" in getattr(target, "__qualname__", ""):
        return "portal"
    if thread.name.startswith("asyncio_"):
        return "worker"
    if thread.name.startswith("ThreadPoolExecutor-"):
        return "tool-worker"
    return None
