"""What one execution showed: the log of events, statuses, calls, tokens, runs and what the service was asked."""

from turnloom_rig.program import Shared, anchor, touch

from .words import Words, word

# The name of the event log for what ties a step to the entry that it appended.
EVENT_LOG = "events"


class Record:
    """What one execution showed so far. The hooks on the SDK fill it."""

    def __init__(self, scenario, role):
        self.words = Words(scenario["agent"]["kind"])
        # Gives the role of the thread that calls.
        self.role = role
        self.conversation = None
        self.events = []
        self.threads = {}
        self.calls = {actor["name"]: [] for actor in scenario["actors"]}
        self.tokens = {actor["name"]: [] for actor in scenario["actors"]}
        self.stream = []
        self.runs = []
        self.service = []
        # Where in the service's book the users' stops stand that were not carried out yet.
        self.stops = []
        # What waits for a status or an event reads, and what the files of a saved conversation are.
        self.status, self.log, self.saved = Shared("status"), Shared(EVENT_LOG), Shared("saved")

    def appended(self, event):
        """An event is appended to the log by the thread that calls."""
        thread = self.threads[event.id] = self.role()
        told = self.words.event(event, thread)
        touch(self.log, True)
        if told is not None:
            anchor(EVENT_LOG, len(self.events))
            self.events.append(told)

    def happened(self, happening):
        """Whether the conversation has a status, or the log holds an event as often as asked."""
        if "status" in happening:
            return self.status_now() == happening["status"]
        wanted = happening["event"]
        fits = (
            event for event in self.events
            if event["kind"] == wanted["kind"] and wanted.get("text") in (None, event["text"])
        )
        return sum(1 for _ in fits) >= wanted.get("count", 1)

    def status_now(self):
        """The status of the conversation, in words."""
        return word(self.conversation._state.execution_status)

    def called(self, actor, call, returned):
        """An actor's call returned."""
        self.calls[actor].append({"call": call, "returned": returned})

    def published(self, event):
        """What a subscriber is told, in words; None if observations have nothing like it."""
        return self.words.published(event, self.threads.get(getattr(event, "id", None), ""))

    def begin_run(self):
        """A run begins on the thread that calls; its number."""
        number = len(self.runs) + 1
        self.runs.append({"number": number, "thread": self.role(), "after": len(self.events), "steps": []})
        return number

    def begin_step(self, number, message):
        """A run takes a step, with the text of a message or with the newest one; the step."""
        if message is None:
            users = (event["text"] for event in reversed(self.events) if event["kind"] == "user_message")
            message = next(users, None)
        step = {"after": len(self.events), "message": message, "ended": None}
        self.runs[number - 1]["steps"].append(step)
        return step
