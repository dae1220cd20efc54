"""Every way in which the faulty server can be wrong, by name."""

from tests.service.conformance.exchange import Fault
from tests.service.conformance.faults_of_contract import CONTRACT
from tests.service.conformance.faults_of_protocol import PROTOCOL

FAULTS: dict[str, Fault] = PROTOCOL | CONTRACT
