"""The servers for the generators here: Redis, and `feast serve` of a repository. On loopback, ended with the block."""
import contextlib
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, **how):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def redis_server(port):
    """Gives a client of an empty server."""
    import redis

    with running(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]):
        client = redis.Redis(port=port)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.1)
        yield client


@contextlib.contextmanager
def feast_server(folder):
    """Gives the URL at which it answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    feast = pathlib.Path(sys.executable).parent / "feast"
    with running([str(feast), "serve", "-h", "127.0.0.1", "-p", str(port)], cwd=folder):
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/health")
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        yield url
