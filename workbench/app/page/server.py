"""Serve the page on this machine."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.app.page.arenas import keep_few
from workbench.app.page.idle import set_aside
from workbench.app.page.opened_soon import OpenedSoon
from workbench.core.errors import Unavailable

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.session import Session

LOG = logging.getLogger("workbench.app.page")
PORT = 7860
LOOK = 0.5
"""Seconds after which the server looks whether it has ended, or begun."""


def bind(host: str, port: int) -> socket.socket:
    """Take a port before anything slow is done; 0 takes a free one.

    Raises:
        Unavailable: if it is in use or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(128)  # SO_REUSEADDR lets two sockets bind; only one of them can listen
    except (OSError, OverflowError) as error:
        taken.close()
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise Unavailable(
                f"Port {port} is in use, perhaps by another workbench. Choose another one with "
                f"`--port {port + 1 if port < 65535 else PORT}`, or any free one with `--port 0`."
            ) from None
        raise Unavailable(f"Port {port} of {host} cannot be used: {error}. Choose another one with `--port`.") from None
    return taken


@contextmanager
def running(app: Any, taken: socket.socket) -> Iterator[threading.Event]:
    """Serve `app` on a bound socket in a thread; gives what is set once it has ended, and leaves when the block ends.

    Raises:
        Unavailable: if the server does not start.
    """
    import uvicorn

    from workbench.app.page.connection import Connection

    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        h11_max_incomplete_event_size=2**16,
        log_level="error",  # its warnings are of what any client can send
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # Not `Thread.join`: where Ctrl-C interrupts it, Python takes a thread that runs on for one that has ended.
    ended = threading.Event()

    def run() -> None:
        try:
            server.run(sockets=[taken])
        finally:
            ended.set()

    threading.Thread(target=run, name="workbench-server", daemon=True).start()
    try:
        while not server.started:
            if ended.wait(0.02):
                raise Unavailable("The page's server did not start; see the lines above.")
        yield ended
    finally:
        # Pages that are still open hold event streams; they are cut after a second, which is no error to report.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        server.should_exit = True
        ended.wait(10)
        taken.close()


def serve(
    source: Session | Callable[[], Session],
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    open_browser: bool = False,
    limit: float = 120.0,
    tell: Callable[[str], None] = print,
) -> None:
    """Serve the page until interrupted (Ctrl-C).

    Args:
        source: a session, or a function that opens one; the page is up before that ends.
        host: address to listen on; any other than this machine's own shows the page to the network.
        port: 0 for any free one.
        open_browser: whether to open the page in the user's browser.
        limit: seconds that a call by a program may take; 0 for any time.
        tell: told the address once the server answers.

    Raises:
        Unavailable: if the port is in use.
    """
    taken = bind(host, port)
    keep_few()
    anywhere = host in ("0.0.0.0", "::")  # noqa: S104  # asked for by the user; compared, not bound
    shown = "127.0.0.1" if anywhere else f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{taken.getsockname()[1]}/"
    with running(first := OpenedSoon(), taken) as ended:
        tell(url)
        if open_browser:
            import webbrowser

            # Some browsers are waited for until they are closed, and the page is not built yet.
            threading.Thread(target=webbrowser.open, args=(url,), name="workbench-browser", daemon=True).start()
        desk: Desk | None = None
        try:
            from workbench.app.page.application import create_app

            app = create_app(source, hosts=("*",) if anywhere else (host,), limit=limit)
            desk = app.state.desk
            first.give(app)
            begun: threading.Event | None = app.state.desk.begun
            while not ended.wait(LOOK):
                if begun is not None and begun.is_set():
                    set_aside()
                    begun = None
        except KeyboardInterrupt:
            LOG.debug("Interrupted.")
        finally:
            if desk is not None:
                desk.close()
