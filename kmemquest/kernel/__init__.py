"""The machine: a deterministic simulation of Linux 6.12's memory allocators.

Pure: no files, no clock, no user interface, standard library only. Commands go in through
`Machine`, frozen events come out of its one stream.
"""
