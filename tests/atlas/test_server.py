"""The server: to this machine alone, and nothing but the site."""

import http.client
import threading

import pytest

from visae._support.errors import VisaeError
from visae.atlas import server
from visae.atlas._server import HOST
from visae.atlas._site import Site


@pytest.fixture
def port(tmp_path):
    (tmp_path / "secret").write_text("secret")
    site = tmp_path / "site"
    with Site(site) as made:
        made.publish()
    (site / "link").symlink_to(tmp_path / "secret")
    (site / "folder").symlink_to(tmp_path)
    (site / ".hidden").write_text("hidden")
    # Read as a path it leads out, read as an address it is a scheme.
    (site / "x:").symlink_to(tmp_path)
    (tmp_path / "index.html").write_text("secret")
    (site / "loop").symlink_to(site / "loop")
    with server(site) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def ask(port, path, **headers):
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), answer


def test_the_page_is_served(port):
    for path in ("/", "/index.html", "/index.html?x#y"):
        status, body, answer = ask(port, path)
        assert status == 200
        assert b"visae atlas" in body
        assert answer.getheader("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "//secret",
        "/link",
        "/folder/secret",
        "/folder/",
        "/.hidden",
        "/%00",
        "/none",
        "/etc/passwd",
        "//etc/passwd",
        "/..\\secret",
        "x:/index.html",
        "/x:/index.html",
        "/loop",
        "/" + 5000 * "a",
    ],
)
def test_nothing_else_is(port, path):
    status, body, _ = ask(port, path)
    assert status == 404
    assert b"secret" not in body.replace(path.encode(), b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1:evil.example", "localhost:1@evil"])
def test_requests_to_another_name_are_refused(port, host):
    assert ask(port, "/", Host=host)[0] == 403
    for own in (f"localhost:{port}", f"LOCALHOST:{port}", "127.0.0.1"):
        assert ask(port, "/", Host=own)[0] == 200


def test_it_listens_on_the_loopback_alone(tmp_path):
    with Site(tmp_path) as made:
        made.publish()
    with server(tmp_path) as running:
        assert running.socket.getsockname()[0] == "127.0.0.1"


def test_what_cannot_be_served(tmp_path, port):
    with pytest.raises(VisaeError, match="there is no atlas"):
        server(tmp_path)
    with pytest.raises(VisaeError, match=f"cannot listen on 127.0.0.1:{port}"):
        server(tmp_path / "site", port)
    with pytest.raises(VisaeError, match="another --port"):
        server(tmp_path / "site", 70000)
