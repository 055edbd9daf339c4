"""The exact text the kernel shows: dmesg lines, reports and /proc files."""
