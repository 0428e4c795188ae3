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


class Answer:
    """The answer to a completion, as HTTP that comes in pieces."""

    def __init__(self):
        self.http = h11.Connection(h11.CLIENT)
        self.http.send(h11.Request(method="POST", target="/", headers=[("Host", "turnloom")]))
        self.http.send(h11.EndOfMessage())
        self.head = None
        self.is_over = False

    def take(self, piece):
        """Takes a piece in; the part of the body that came with it. None is the end of the connection.

        Raises `httpx.ReadError` if the connection ends too early, and `httpx.RemoteProtocolError` if the piece is no HTTP.
        """
        if piece is None:
            raise httpx.ReadError("the LLM has hung up")
        body = b""
        try:
            self.http.receive_data(piece)
            while (event := self.http.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
                if isinstance(event, h11.Response):
                    self.head = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    self.is_over = True
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return body

    def response(self, stream):
        """The response, when its head is there."""
        return httpx.Response(self.head.status_code, headers=list(self.head.headers), stream=stream)


class Canned:
    """What is answered while the SDK is warmed up, when there is no script yet."""

    is_wanted = False

    @staticmethod
    def response():
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
        server.complete(json.loads(request.read()), pieces.put)
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

        def receive(piece):
            # A loop that has ended waits for no answer any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        server.complete(json.loads(await request.aread()), receive)
        body = AsyncBody(answer, pieces)
        await body.begin()
        return answer.response(body)


class NoLog:
    """In the place of what carries the completions to those that litellm tells of them: nobody."""

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
