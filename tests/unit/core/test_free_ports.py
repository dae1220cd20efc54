"""Ports for what is started next: free, different, and none that the kernel gives to an outgoing connection."""

import socket

import pytest

from services.core import free_ports as module
from services.core.free_ports import RANGE, free_ports

HOST = "127.0.0.1"
# By default. Source: Linux, Documentation/networking/ip-sysctl.rst, ip_local_port_range.
FIRST_EPHEMERAL_PORT = 32768


def test_ports_are_different_and_can_be_bound():
    ports = free_ports(5, HOST)

    assert len(set(ports)) == 5
    for port in ports:
        with socket.create_server((HOST, port)):
            pass


def test_no_port_is_one_that_the_kernel_gives_to_outgoing_connections():
    assert max(RANGE) < FIRST_EPHEMERAL_PORT


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
