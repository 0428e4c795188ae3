"""A small scripted server for tests of adapters, in the place of the engine's: an agent on the Agent Client Protocol, or an LLM.

It reads one message a step, and takes the actions of a reaction in one step up to a `wait` for a gate. It knows the reactions to
`any_prompt`, `cancel`, `{"prompt": text}` and `{"tool_result": id}`, and the actions `say`, `tool_call`, `wait`, `answer`, `fail`
and `hang_up`.
"""

import json

# What is answered to requests of a client that no reaction is for.
RESULTS = {
    "initialize": {
        "protocolVersion": 1,
        "agentCapabilities": {"loadSession": True},
        "authMethods": [],
        "agentInfo": {"name": "turnloom", "version": "0"},
    },
    "session/load": {},
    "session/set_mode": {},
    "session/set_model": {},
}
REASONS = {"end_turn": "stop", "cancelled": "stop", "refusal": "content_filter", "max_tokens": "length"}


class MockServer:
    """The server of one scenario, for `engine.Worker`."""

    def __init__(self, scenario):
        self.is_llm = scenario["agent"]["kind"] != "acp"
        self.reactions = [*scenario.get("server", []), {"on": "any_prompt", "do": [{"answer": "end_turn"}]}]
        self.all_gates, self.frames = scenario.get("gates", []), scenario.get("frames", [])
        self.begin()

    def begin(self):
        """Nothing has happened yet."""
        self.gates = dict.fromkeys(self.all_gates, False)
        self.sessions = self.completions = 0
        self.unread, self.turns = [], []
        # What was read, in a word or two each, and which frames.
        self.log, self.read_frames = [], []

    def answer(self, request):
        """What the engine says to a request of the rig."""
        did, more = None, {}
        match request:
            case {"do": "frame", "line": line}:
                self.unread.append(json.loads(line))
            case {"do": "kill"}:
                self.unread.clear()
                self.turns.clear()
            case {"do": "open", "gate": gate}:
                self.gates[gate] = True
            case {"do": "complete", "request": body}:
                self.completions += 1
                more["completion"] = self.completions
                self.unread.append({"completion": self.completions, "body": body})
            case {"do": "take", "which": which}:
                did = self.take(self.choices()[which])
        counts = [sum(map(fits(frame), self.read_frames)) for frame in self.frames]
        return {
            "choices": len(self.choices()),
            "gates": self.gates,
            "frames_read": counts,
            "did": did,
            "log": len(self.log),
            **more,
        }

    def choices(self):
        """What it can do next: go on with one of these turns, or read, which is None."""
        able = [turn for turn in self.turns if not turn.must_wait(self.gates)]
        return [*able, None] if self.unread else able

    def take(self, turn):
        """Goes on with a turn, or reads; what it did."""
        did = {"write": [], "cut": None, "exit": None, "label": "", "opened": []}
        if turn is None:
            self.read(self.unread.pop(0), did)
        elif turn.go_on(self.gates, did):
            self.turns.remove(turn)
        return did

    # -- what it reads

    def read(self, message, did):
        """Reads a message: it begins a turn, or is answered at once."""
        if self.is_llm:
            self.read_completion(message["completion"], message["body"])
            return
        method, parameters = message.get("method"), message.get("params") or {}
        self.log.append(method)
        session, text = parameters.get("sessionId"), None
        if method == "session/prompt":
            text = parameters["prompt"][0]["text"]
            self.turns.append(AcpTurn(message["id"], session, self.actions({"prompt": text})))
        elif method == "session/cancel":
            self.cancel(session)
        elif method == "session/new":
            self.sessions += 1
            did["write"].append(line(id=message["id"], result={"sessionId": f"s{self.sessions}"}))
        elif method in RESULTS:
            did["write"].append(line(id=message["id"], result=RESULTS[method]))
        self.read_frames.append((method, text))

    def read_completion(self, number, body):
        """Begins a turn for what the LLM is asked."""
        users = [text_of(one) for one in body["messages"] if one["role"] == "user"]
        last = body["messages"][-1]
        wanted = {"tool_result": last["tool_call_id"]} if last["role"] == "tool" else {"prompt": users[-1]}
        self.log.append("completion")
        self.read_frames.append(("session/prompt", users[-1]))
        self.turns.append(LlmTurn(number, body["model"], self.actions(wanted)))

    def cancel(self, session):
        """What is left of the session's turn is what the script does on a cancel."""
        for turn in self.turns:
            if turn.session == session:
                turn.actions = self.actions("cancel")

    def actions(self, wanted):
        """The actions of the reaction to this; to a prompt or a result that the script does not name, those to any prompt."""
        found = {json.dumps(reaction["on"]): reaction["do"] for reaction in reversed(self.reactions)}
        others = [] if wanted == "cancel" else found[json.dumps("any_prompt")]
        return list(found.get(json.dumps(wanted), others))


class Turn:
    """What is left to be done for one prompt."""

    session = None

    def __init__(self, number, actions):
        self.number, self.actions = number, actions

    def must_wait(self, gates):
        """Whether the next action is a wait for a gate that is not open; a turn without actions waits for a cancel."""
        match self.actions:
            case []:
                return True
            case [{"wait": {"gate": gate}}, *_]:
                return not gates[gate]
        return False

    def go_on(self, gates, did):
        """Takes the actions up to the next wait; whether the turn is over."""
        while not self.must_wait(gates):
            action = self.actions.pop(0)
            name, value = (action, None) if isinstance(action, str) else next(iter(action.items()))
            did["label"] += f"{name} "
            if name != "wait":
                getattr(self, name)(value, did)
            if name in ("answer", "fail", "hang_up"):
                return True
        return False


class AcpTurn(Turn):
    """A prompt of a client on the Agent Client Protocol."""

    def __init__(self, number, session, actions):
        super().__init__(number, actions)
        self.session = session

    def say(self, text, did):
        """Sends a piece of the answer."""
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        did["write"].append(line(method="session/update", params={"sessionId": self.session, "update": update}))

    def answer(self, reason, did):
        """Ends the turn."""
        did["write"].append(line(id=self.number, result={"stopReason": reason}))

    def fail(self, message, did):
        """Ends the turn with an error."""
        did["write"].append(line(id=self.number, error={"code": -32603, "message": message}))


class LlmTurn(Turn):
    """A completion."""

    def __init__(self, number, model, actions):
        super().__init__(number, actions)
        self.model, self.content, self.calls = model, "", []

    def say(self, text, did):
        """Adds to what the answer says."""
        self.content += text

    def tool_call(self, call, did):
        """Adds a call of a tool to the answer."""
        function = {"name": call["name"], "arguments": call["arguments"]}
        self.calls.append({"id": call["id"], "type": "function", "function": function})

    def answer(self, reason, did):
        """Sends the answer, and ends the connection."""
        body = self.body(reason)
        self.send(200, body, len(body), did)

    def fail(self, message, did):
        """Sends an error, and ends the connection."""
        body = json.dumps({"error": {"message": message, "type": "server_error", "param": None, "code": None}})
        self.send(500, body, len(body), did)

    def hang_up(self, _, did):
        """Ends the connection in front of the last byte of the answer; without an answer, if nothing was said."""
        body = self.body("end_turn")
        if self.content or self.calls:
            self.send(200, body[:-1], len(body), did)
        else:
            did.update(to=self.number, close=True)

    def body(self, reason):
        """The answer."""
        message = {"role": "assistant", "content": self.content or (None if self.calls else "ok")}
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if self.calls else REASONS[reason]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        head = {"id": f"chatcmpl-{self.number}", "object": "chat.completion", "created": 0, "model": self.model}
        return json.dumps({**head, "choices": [choice], "usage": usage})

    def send(self, status, body, length, did):
        """Writes HTTP that says that its body has this length, and ends the connection."""
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        did["write"].append(head + body)
        did.update(to=self.number, close=True)


def line(**message):
    """A message of JSON-RPC."""
    return json.dumps({"jsonrpc": "2.0", **message}) + "\n"


def text_of(message):
    """What a message to an LLM says."""
    content = message["content"]
    return content if isinstance(content, str) else content[0]["text"]


def fits(frame):
    """Whether what was read is such a frame, as a function."""
    return lambda read: read[0] == frame["method"] and frame.get("text") in (None, read[1])
