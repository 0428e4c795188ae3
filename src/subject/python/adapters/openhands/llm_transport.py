"""The scripted LLM at the transport of the SDK's HTTP client: requests, retries, streams and merging stay the SDK's own."""

import asyncio
import contextlib
import json
import queue

import h11
import httpx
import litellm
import litellm.utils
from litellm.caching import llm_caching_handler
from litellm.litellm_core_utils import litellm_logging, logging_worker, thread_pool_executor

from turnloom_rig.program import server


def receiver(hand_over):
    """What the server's thread calls with each piece of an answer, and with None at the end of the connection. What the piece says
    is handed over: events of h11, or the error that a client raises for it."""
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="POST", target="/", headers=[("Host", "turnloom")]))
    http.send(h11.EndOfMessage())

    def receive(piece):
        # That a connection ends after the answer says nothing.
        if http.their_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            hand_over(parsed(http, piece))

    return receive


def parsed(http, piece):
    """The events of h11 in a piece, or an `httpx.RemoteProtocolError` if it is no HTTP or the connection ends too early."""
    if piece is None and http.their_state is h11.SEND_RESPONSE:
        return httpx.RemoteProtocolError("Server disconnected without sending a response.")
    events = []
    try:
        http.receive_data(piece or b"")
        while (event := http.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            events.append(event)
            if isinstance(event, h11.EndOfMessage):
                break
    except h11.RemoteProtocolError as error:
        return httpx.RemoteProtocolError(str(error))
    return events


class Answer:
    """The answer to a completion, as far as the client has taken it in."""

    def __init__(self):
        self.head = None
        self.is_over = False

    def take(self, events):
        """Takes in what was handed over; the part of the body that is in it. Raises it if it is an error."""
        if isinstance(events, httpx.HTTPError):
            raise events
        body = b""
        for event in events:
            if isinstance(event, h11.Response):
                self.head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.is_over = True
        return body

    def response(self, stream):
        """The response, when its head is there."""
        return httpx.Response(self.head.status_code, headers=list(self.head.headers), stream=stream)


class Canned:
    """What is answered while the SDK is warmed up, when there is no script yet."""

    is_wanted = False

    @staticmethod
    def response():
        """A completion that says `ok`."""
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body = {"id": "warm", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        return httpx.Response(200, json=body)


@contextlib.contextmanager
def canned():
    """Inside, every completion has the same answer, at once."""
    Canned.is_wanted = True
    try:
        yield
    finally:
        Canned.is_wanted = False


class Body(httpx.SyncByteStream):
    """The body of an answer, for a thread that waits for it."""

    def __init__(self, answer, pieces):
        self.answer, self.pieces = answer, pieces
        self.first = b""

    def begin(self):
        """Waits for the head."""
        while self.answer.head is None:
            self.first += self.answer.take(self.pieces.get())

    def __iter__(self):
        yield self.first
        while not self.answer.is_over:
            yield self.answer.take(self.pieces.get())


class Transport(httpx.BaseTransport):
    """Asks the scripted LLM from a thread that waits."""

    def handle_request(self, request):
        if Canned.is_wanted:
            return Canned.response()
        answer, pieces = Answer(), queue.SimpleQueue()
        server.complete(json.loads(request.read()), receiver(pieces.put))
        body = Body(answer, pieces)
        body.begin()
        return answer.response(body)


class AsyncBody(httpx.AsyncByteStream):
    """The same on an event loop."""

    def __init__(self, answer, pieces):
        self.answer, self.pieces = answer, pieces
        self.first = b""

    async def begin(self):
        """Waits for the head."""
        while self.answer.head is None:
            self.first += self.answer.take(await self.pieces.get())

    async def __aiter__(self):
        yield self.first
        while not self.answer.is_over:
            yield self.answer.take(await self.pieces.get())


class AsyncTransport(httpx.AsyncBaseTransport):
    """Asks the scripted LLM from an event loop."""

    async def handle_async_request(self, request):
        if Canned.is_wanted:
            return Canned.response()
        loop, answer, pieces = asyncio.get_running_loop(), Answer(), asyncio.Queue()

        def hand_over(events):
            # A loop that has ended waits for no answer any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, events)

        server.complete(json.loads(await request.aread()), receiver(hand_over))
        body = AsyncBody(answer, pieces)
        await body.begin()
        return answer.response(body)


class NoLog:
    """In the place of what tells the callbacks of litellm of each completion: there are none."""

    def submit(self, function, *arguments, **named):
        """Does nothing."""

    def ensure_initialized_and_enqueue(self, async_coroutine):
        """Does nothing."""
        async_coroutine.close()


def install():
    """Has every completion asked for through these transports, and nothing told of it. One client serves all loops: litellm keeps
    one for each, by the loop's address."""
    litellm.telemetry = False
    litellm.client_session = httpx.Client(transport=Transport())
    litellm.aclient_session = httpx.AsyncClient(transport=AsyncTransport())
    llm_caching_handler.LLMClientCache.update_cache_key_with_event_loop = lambda cache, key: key
    thread_pool_executor.executor = litellm_logging.executor = litellm.utils.executor = NoLog()
    logging_worker.GLOBAL_LOGGING_WORKER = NoLog()
