"""A server on the loopback interface that misbehaves on request, for the tests of downloading."""

import hashlib
import random
import re
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from visae.networks._cards import FileDigest, WeightsFile

DATA = random.Random(0).randbytes(300_000)
HALF = 150_000
DIGEST = FileDigest("sha256", hashlib.sha256(DATA).hexdigest())
CORRUPT = DATA[:-1] + bytes([DATA[-1] ^ 1])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range"), self.headers.get("Accept-Encoding")))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        answer(self)

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def body(self, data):
        self.server.sent += len(data)
        self.wfile.write(data)
        self.wfile.flush()

    def start(self):
        """Send the right header, and return the byte at which the body must begin."""
        requested = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(requested[1]) if requested else 0
        if requested:
            span = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
            self.head(206, Content_Length=len(DATA) - start, Content_Range=span)
        else:
            self.head(200, Content_Length=len(DATA))
        return start

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.sent = list(answers), [], 0
        self.gate, self.reached = threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/toy.pth"

    def handle_error(self, *_):
        assert isinstance(sys.exception(), ConnectionError)

    def source(self, digest=DIGEST, size=None):
        return WeightsFile("toy.pth", self.url, digest, size)

    def ranges(self):
        return [requested for _, requested, _ in self.requests]


def whole(handler):
    handler.body(DATA[handler.start() :])


def without_range(handler):
    handler.head(200, Content_Length=len(DATA))
    handler.body(DATA)


def without_length(handler):
    handler.head(200)
    handler.body(DATA)


def closing_without_length(handler):
    handler.head(200)
    handler.body(DATA[:HALF])


def closing_after(count):
    def answer(handler):
        start = handler.start()
        handler.body(DATA[start : start + count])

    return answer


def stalling_after(count):
    def answer(handler):
        start = handler.start()
        handler.body(DATA[start : start + count])
        handler.server.reached.set()
        handler.server.gate.wait(20)
        handler.body(DATA[start + count :])

    return answer


def silent(handler):
    handler.server.gate.wait(20)


def hanging_up(_):
    pass


def status(code):
    return lambda handler: handler.head(code, Content_Length=0)


def with_another_range(handler):
    handler.head(206, Content_Length=10, Content_Range=f"bytes 7-16/{len(DATA)}")
    handler.body(DATA[7:17])


def with_no_range(handler):
    handler.head(206, Content_Length=10)
    handler.body(DATA[:10])


def with_part_of_the_range(handler):
    """Send less of the file than was requested, and say so, as a server may."""
    start = int(re.findall(r"\d+", handler.headers.get("Range", "0"))[0])
    end = min(start + 100_000, len(DATA))
    handler.head(206, Content_Length=end - start, Content_Range=f"bytes {start}-{end - 1}/*")
    handler.body(DATA[start:end])


def redirecting(handler):
    handler.head(302, Location="/elsewhere", Content_Length=0)


@contextmanager
def serving(*answers):
    """A `Server` that gives the answers to requests in turn, and the last one to all further requests."""
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
