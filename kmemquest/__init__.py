"""KMemQuest: learn Linux kernel memory allocation on a simulated Linux 6.12."""

__version__ = "0.1.0"
