"""What a namespace looks like, for whoever reads of a failure later."""

from tests.e2e.kube import CommandFailed, Namespace, Object

LOG_LINES = 15
EVENTS = 30


def describe(namespace: Namespace) -> str:
    """Return its objects, pods with their conditions and last words, newest events and last log lines."""
    try:
        pods = namespace.items("pods")
        told = [namespace.kubectl("get", "pods,deployments,rayservices,httproutes,jobs", "--output=wide")]
        told += [_pod(pod) for pod in pods]
        events = namespace.kubectl("get", "events", "--sort-by=.lastTimestamp").splitlines()
        told += ["The last events:", *events[-EVENTS:]]
        told += [f"{pod['metadata']['name']}: {_logs(namespace, pod)}" for pod in pods]
    except CommandFailed as error:
        return str(error)
    return "\n".join(told)


def _pod(pod: Object) -> str:
    status = pod["status"]
    missing = [
        f"not {each['type']}: {each.get('message', '')}"
        for each in status.get("conditions", ())
        if each["status"] != "True"
    ]
    ends = [
        f"{container['name']} {when} {how}: {state}"
        for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
        for when in ("state", "lastState")
        for how, state in container[when].items()
        if how != "running"
    ]
    return "\n  ".join((f"{pod['metadata']['name']}: {status['phase']}", *missing, *ends))


def _logs(namespace: Namespace, pod: Object) -> str:
    command = ("logs", pod["metadata"]["name"], "--all-containers", "--prefix", f"--tail={LOG_LINES}")
    try:
        return namespace.kubectl(*command) or "logged nothing"
    except CommandFailed as error:  # of a container that has not started
        return str(error)
