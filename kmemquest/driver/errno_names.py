"""Error numbers and their names (`include/uapi/asm-generic/errno*.h`, `lib/errname.c`)."""

from __future__ import annotations

from typing import Final

ERRNO: Final[dict[str, int]] = {
    "EPERM": 1,
    "ENOENT": 2,
    "ESRCH": 3,
    "EINTR": 4,
    "EIO": 5,
    "ENXIO": 6,
    "E2BIG": 7,
    "ENOEXEC": 8,
    "EBADF": 9,
    "ECHILD": 10,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EACCES": 13,
    "EFAULT": 14,
    "ENOTBLK": 15,
    "EBUSY": 16,
    "EEXIST": 17,
    "EXDEV": 18,
    "ENODEV": 19,
    "ENOTDIR": 20,
    "EISDIR": 21,
    "EINVAL": 22,
    "ENFILE": 23,
    "EMFILE": 24,
    "ENOTTY": 25,
    "ETXTBSY": 26,
    "EFBIG": 27,
    "ENOSPC": 28,
    "ESPIPE": 29,
    "EROFS": 30,
    "EMLINK": 31,
    "EPIPE": 32,
    "EDOM": 33,
    "ERANGE": 34,
    "EDEADLK": 35,
    "ENAMETOOLONG": 36,
    "ENOSYS": 38,
    "ENODATA": 61,
    "ETIME": 62,
    "EPROTO": 71,
    "EBADMSG": 74,
    "EOVERFLOW": 75,
    "EILSEQ": 84,
    "EMSGSIZE": 90,
    "EOPNOTSUPP": 95,
    "ENOBUFS": 105,
    "ETIMEDOUT": 110,
    "EALREADY": 114,
    "EINPROGRESS": 115,
    "ERESTARTSYS": 512,
    "ENOIOCTLCMD": 515,
    "EPROBE_DEFER": 517,
    "ENOTSUPP": 524,
}
"""Name -> positive number."""

_NAMES: Final = {number: name for name, number in ERRNO.items()}


def errno_name(number: int) -> str:
    """Return `ENOMEM` for 12; the number itself when it has no name."""
    return _NAMES.get(number, str(number))
