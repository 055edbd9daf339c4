"""The kernel functions that driver C may call, one module per family of headers.

Every function here is the thin side of something the kernel room does: it converts addresses to
frames or objects and back, notes in the ledger what the driver now owns, and enters contexts.
"""
