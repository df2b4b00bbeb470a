"""The server gives out the atlas's own files, to this machine alone."""

import http.client
import threading

import pytest

from visae._support.errors import VisaeError
from visae.atlas import server
from visae.atlas._server import HOST
from visae.atlas._site import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An atlas with links and hidden files, in a folder with a secret."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "secret").write_text("secret")
    site = folder / "site"
    with Site(site) as new:
        new.publish()
    (site / "link").symlink_to(folder / "secret")
    (site / "folder").symlink_to(folder)
    (site / ".hidden").write_text("hidden")
    # As a path this leads outside; as an address it is a scheme.
    (site / "x:").symlink_to(folder)
    (folder / "index.html").write_text("secret")
    (site / "loop").symlink_to(site / "loop")
    return site


@pytest.fixture(scope="module")
def port(site):
    with server(site) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running.server_port
        running.shutdown()
        thread.join()


def get(port, path, **headers):
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read(), response


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.html?x#y"])
def test_page_is_served(port, path):
    status, body, response = get(port, path)
    assert status == 200
    assert b"visae atlas" in body
    assert response.getheader("X-Content-Type-Options") == "nosniff"


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
def test_nothing_else_is_served(port, path):
    status, body, _ = get(port, path)
    assert status == 404
    assert b"secret" not in body.replace(path.encode(), b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1:evil.example", "localhost:1@evil"])
def test_foreign_hosts_are_refused(port, host):
    assert get(port, "/", Host=host)[0] == 403


def test_local_hosts_are_served(port):
    for host in (f"localhost:{port}", f"LOCALHOST:{port}", "127.0.0.1"):
        assert get(port, "/", Host=host)[0] == 200


def test_listens_on_loopback_only(site):
    with server(site) as running:
        assert running.socket.getsockname()[0] == "127.0.0.1"


def test_errors(tmp_path, site, port):
    with pytest.raises(VisaeError, match="no atlas"):
        server(tmp_path)
    with pytest.raises(VisaeError, match=f"cannot listen on 127.0.0.1:{port}"):
        server(site, port)
    with pytest.raises(VisaeError, match="another --port"):
        server(site, 70000)
