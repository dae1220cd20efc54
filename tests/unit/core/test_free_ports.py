"""Ports for what is started next: free, different, and none that the kernel gives to an outgoing connection."""

import socket
from pathlib import Path

import pytest

from services.core import free_ports as module
from services.core.free_ports import RANGE, free_ports

HOST = "127.0.0.1"


def test_ports_are_different_and_can_be_bound():
    ports = free_ports(5, HOST)

    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server((HOST, port)):
            pass


def test_no_port_is_one_that_the_kernel_gives_to_outgoing_connections():
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if first < 32768:
        pytest.skip("net.ipv4.ip_local_port_range was changed on this machine")

    assert not set(RANGE) & set(range(first, last + 1))


def test_a_taken_port_is_passed_over(monkeypatch):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(module, "RANGE", range(port, port + 1))
        monkeypatch.setattr(module, "ATTEMPTS", 1)
        with pytest.raises(OSError, match="no 1 free ports"):
            free_ports(1, HOST)


def test_an_address_of_another_machine_is_said():
    with pytest.raises(OSError, match="assign"):
        free_ports(1, "192.0.2.1")
