"""The profile `restricted` of the Pod Security Standards, v1.35, clause by clause.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/. The names are the document's.
"""

from collections.abc import Callable, Iterator
from typing import Any

Spec = dict[str, Any]

VOLUME_TYPES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}  # fmt: skip
PROFILES = {"RuntimeDefault", "Localhost"}


def violations(pod: Spec) -> list[str]:
    """Return the clauses that a pod's spec breaks, each with where."""
    return [f"{clause.__name__.removeprefix('_')}: {where}" for clause in CLAUSES for where in clause(pod)]


def containers(pod: Spec) -> list[Spec]:
    """Return every container of a pod's spec, those that run first too."""
    return [each for kind in ("initContainers", "containers", "ephemeralContainers") for each in pod.get(kind, ())]


def _security(pod: Spec) -> Iterator[tuple[str, Spec]]:
    yield "the pod", pod.get("securityContext", {})
    yield from ((each["name"], each.get("securityContext", {})) for each in containers(pod))


def _host_process(pod: Spec) -> Iterator[str]:
    return (where for where, context in _security(pod) if context.get("windowsOptions", {}).get("hostProcess"))


def _host_namespaces(pod: Spec) -> Iterator[str]:
    return (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))


def _privileged_containers(pod: Spec) -> Iterator[str]:
    return (where for where, context in _security(pod) if context.get("privileged"))


def _capabilities(pod: Spec) -> Iterator[str]:
    for each in containers(pod):
        capabilities = each.get("securityContext", {}).get("capabilities", {})
        if "ALL" not in capabilities.get("drop", ()) or set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
            yield each["name"]


def _volume_types(pod: Spec) -> Iterator[str]:
    """Hold host path volumes away too, which are a clause of their own in the profile `baseline`."""
    return (volume["name"] for volume in pod.get("volumes", ()) if not set(volume) - {"name"} <= VOLUME_TYPES)


def _host_ports(pod: Spec) -> Iterator[str]:
    return (each["name"] for each in containers(pod) if any(port.get("hostPort") for port in each.get("ports", ())))


def _host_probes_and_lifecycle_hooks(pod: Spec) -> Iterator[str]:
    for each in containers(pod):
        hooks = [*each.get("lifecycle", {}).values()]
        hooks += [each.get(f"{probe}Probe", {}) for probe in ("startup", "readiness", "liveness")]
        if any(hook.get(kind, {}).get("host") for hook in hooks for kind in ("httpGet", "tcpSocket")):
            yield each["name"]


def _apparmor(pod: Spec) -> Iterator[str]:
    for where, context in _security(pod):
        if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in PROFILES:
            yield where


def _selinux(pod: Spec) -> Iterator[str]:
    for where, context in _security(pod):
        options = context.get("seLinuxOptions", {})
        if options.get("type", "") not in SELINUX_TYPES or options.get("user") or options.get("role"):
            yield where


def _proc_mount_type(pod: Spec) -> Iterator[str]:
    return (where for where, context in _security(pod) if context.get("procMount", "Default") != "Default")


def _seccomp(pod: Spec) -> Iterator[str]:
    yield from _needed(pod, lambda context: context.get("seccompProfile", {}).get("type"), PROFILES)


def _sysctls(pod: Spec) -> Iterator[str]:
    names = {sysctl["name"] for sysctl in pod.get("securityContext", {}).get("sysctls", ())}
    yield from names - SYSCTLS


def _privilege_escalation(pod: Spec) -> Iterator[str]:
    for each in containers(pod):
        if each.get("securityContext", {}).get("allowPrivilegeEscalation") is not False:
            yield each["name"]


def _running_as_non_root(pod: Spec) -> Iterator[str]:
    yield from _needed(pod, lambda context: context.get("runAsNonRoot"), {True})


def _running_as_non_root_user(pod: Spec) -> Iterator[str]:
    return (where for where, context in _security(pod) if context.get("runAsUser") == 0)


def _needed(pod: Spec, read: Callable[[Spec], Any], allowed: set[Any]) -> Iterator[str]:
    """Yield the containers for which neither they nor their pod say what is allowed; what a container says wins."""
    of_pod = read(pod.get("securityContext", {}))
    for each in containers(pod):
        own = read(each.get("securityContext", {}))
        if (of_pod if own is None else own) not in allowed:
            yield each["name"]
    if of_pod is not None and of_pod not in allowed:
        yield "the pod"


CLAUSES: tuple[Callable[[Spec], Iterator[str]], ...] = (
    _host_process, _host_namespaces, _privileged_containers, _capabilities, _volume_types, _host_ports,
    _host_probes_and_lifecycle_hooks, _apparmor, _selinux, _proc_mount_type, _seccomp, _sysctls, _privilege_escalation,
    _running_as_non_root, _running_as_non_root_user,
)  # fmt: skip
