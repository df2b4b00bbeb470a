"""An atlas served to this machine alone."""

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
_NAMES = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)


def server(site: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of the files in a folder, on the loopback interface; port 0 for any that is free.

    Only regular files are given out that lie in the folder, also after links are followed; no listings. Requests that
    were sent to another name are refused, as those of a page elsewhere that has its name point here. Raises
    `VisaeError` for a folder that is no atlas, and for a port that is taken.
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
        """Answer with a file of the site, or with an error."""
        names = self.headers.get_all("Host") or []
        if len(names) != 1 or not _NAMES.fullmatch(names[0].strip()):
            return self.send_error(HTTPStatus.FORBIDDEN, "this server is for this machine alone")
        if not self._is_inside():
            return self.send_error(HTTPStatus.NOT_FOUND)
        return super().send_head()

    def end_headers(self) -> None:
        """Besides the usual: types are not guessed, nothing is kept, no other page may look in."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _is_inside(self) -> bool:
        asked = unquote(urlsplit(self.path).path)
        if not self.path.startswith("/") or "\0" in asked or any(part.startswith(".") for part in asked.split("/")):
            return False
        site = Path(self.directory)
        try:
            # What would be given out, by the same reading of the path.
            path = Path(self.translate_path(self.path)).resolve()
            if path == site:
                path = (site / "index.html").resolve()
            return path.is_file() and path.is_relative_to(site)
        except (OSError, RuntimeError):
            # A name that is too long, and links that lead to each other.
            return False
