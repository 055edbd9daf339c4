"""The memory managers of `mm/`: one module per subsystem."""
