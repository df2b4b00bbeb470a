"""A web server that shows an atlas to this machine only."""

import re
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from visae._support.errors import VisaeError
from visae.atlas._site import is_atlas

HOST = "127.0.0.1"
_LOCAL_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)


def server(site: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of an atlas's folder on the loopback interface; port 0 picks a free one.

    It serves regular files whose resolved path lies in the folder, and no listings. Requests with a foreign Host header
    are refused, which defeats DNS rebinding. Raises `VisaeError` for a folder that is not an atlas, and for a port that
    is taken.
    """
    if not is_atlas(site):
        raise VisaeError(f"there is no atlas in {site}; make one with: visae atlas DICTIONARY --images DIR --out SITE")
    handler: Callable[..., _Handler] = partial(_Handler, directory=str(site.resolve()))
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VisaeError(f"cannot listen on {HOST}:{port}: {reason}; name another --port") from None


class _Handler(SimpleHTTPRequestHandler):
    server_version, sys_version = "visae", ""

    def send_head(self) -> Any:
        """Send a file of the site, or an error."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _LOCAL_HOSTS.fullmatch(hosts[0].strip()):
            return self.send_error(HTTPStatus.FORBIDDEN, "this server is for this machine only")
        if not self._is_inside():
            return self.send_error(HTTPStatus.NOT_FOUND)
        return super().send_head()

    def end_headers(self) -> None:
        """Add headers that forbid type sniffing, caching, and embedding by other origins."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""

    def _is_inside(self) -> bool:
        """Return whether the requested path is a file of the site, after links are followed."""
        requested = unquote(urlsplit(self.path).path)
        hidden = any(part.startswith(".") for part in requested.split("/"))
        if not self.path.startswith("/") or "\0" in requested or hidden:
            return False
        site = Path(self.directory)
        try:
            # The file that would be served, by the base class's own reading of the path.
            path = Path(self.translate_path(self.path)).resolve()
            if path == site:
                path = (site / "index.html").resolve()
            return path.is_file() and path.is_relative_to(site)
        except (OSError, RuntimeError):
            # The name is too long, or links form a loop.
            return False
