"""`python -m kmemquest` and the `kmemquest` script."""

from kmemquest.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
