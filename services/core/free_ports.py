"""Ports for a process that is started next, and that binds them only later."""

import errno
import random
import socket

# Below net.ipv4.ip_local_port_range (32768 and above by default): from there the kernel would give a port away to any
# outgoing connection in the meantime. Beside the ports that Ray takes, 10002 to 19999 and 30000 to 31000.
RANGE = range(20_000, 30_000)
ATTEMPTS = 200


def free_ports(count: int, host: str = "") -> list[int]:
    """Return different ports that nothing is bound to now, at random, so that two who ask at once differ.

    host: the address that they are bound on; all addresses by default. Raises OSError, also for an address of another
    machine.
    """
    ports: list[int] = []
    for port in random.sample(RANGE, ATTEMPTS):
        if len(ports) == count:
            break
        if _is_free(host, port):
            ports.append(port)
    if len(ports) < count:
        raise OSError(f"no {count} free ports from {RANGE.start} to {RANGE.stop - 1}")
    return ports


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
