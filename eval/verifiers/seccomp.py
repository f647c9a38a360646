"""seccomp filter: the system calls that a sandboxed program may make, as a BPF program.

An allow-list: what is not named is refused (EPERM), what newer kernels add as well. Named are those
of an interpreter that computes, reads and writes its files, and runs threads. Not among them:
sockets but socketpair, the kernel's keyrings (add_key, request_key, keyctl hand out the host's
secrets), io_uring (it does what the filter refuses), ptrace, process_vm_*, bpf, perf_event_open,
userfaultfd, mounts, modules, namespaces. `clone` makes threads alone; `clone3`, whose flags a
filter cannot see, does not exist (ENOSYS), and glibc falls back to clone.
"""

import platform
import struct
from functools import cache
from typing import NamedTuple

from eval.verifiers.verdict import Unavailable


class _Machine(NamedTuple):
    """The audit architecture, the numbers of clone and clone3, and of the calls allowed."""

    architecture: int
    clone: int
    clone3: int
    allowed: tuple[tuple[int, int], ...]
    """First and last number of each run."""


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        56,
        435,
        (
            (0, 28), (32, 40), (44, 48), (51, 55), (59, 63), (72, 91), (95, 100), (102, 102),
            (104, 104), (107, 108), (110, 111), (115, 115), (118, 118), (120, 121), (124, 124),
            (127, 128), (130, 132), (137, 138), (140, 140), (143, 143), (145, 147), (157, 158),
            (160, 160), (186, 186), (202, 202), (204, 204), (213, 213), (217, 219), (221, 226),
            (228, 235), (257, 258), (262, 276), (280, 281), (283, 293), (295, 296), (302, 302),
            (309, 309), (316, 316), (318, 319), (326, 328), (332, 332), (334, 334), (436, 436),
            (439, 439), (441, 441), (449, 449),
        ),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        220,
        435,
        (
            (17, 17), (19, 25), (29, 29), (32, 32), (34, 38), (43, 50), (52, 53), (56, 57),
            (59, 59), (61, 74), (76, 80), (82, 83), (85, 88), (93, 94), (96, 96), (98, 103),
            (107, 111), (113, 115), (120, 121), (123, 129), (131, 137), (139, 139), (141, 141),
            (148, 148), (150, 150), (153, 153), (155, 156), (158, 158), (160, 160), (163, 169),
            (172, 179), (199, 199), (204, 212), (214, 216), (221, 223), (226, 227), (232, 233),
            (260, 261), (276, 276), (278, 279), (285, 287), (291, 291), (293, 293), (436, 436),
            (439, 439), (441, 441), (449, 449),
        ),
    ),
}  # fmt: skip
_THREAD = 0x10000


@cache
def program(machine: str = "") -> bytes:
    """The filter for a kind of processor, this machine's by default.

    Raises:
        Unavailable: the numbers of this processor's calls are not known here.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        raise Unavailable(f"no seccomp filter for {machine} processors; write out `sandbox: none`")
    architecture, clone, clone3, allowed = _MACHINES[machine]
    load, equal, at_least, above, has_bit, give = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06
    kill, allow, eperm, enosys = 0x80000000, 0x7FFF0000, 0x00050001, 0x00050026
    code = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    code += [(equal, 0, 1, clone3), (give, 0, 0, enosys), (equal, 0, 4, clone)]
    code += [(load, 0, 0, 16), (has_bit, 1, 0, _THREAD), (give, 0, 0, eperm), (give, 0, 0, allow)]
    for first, last in allowed:
        code += [(at_least, 0, 2, first), (above, 1, 0, last), (give, 0, 0, allow)]
    code += [(give, 0, 0, eperm)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)
