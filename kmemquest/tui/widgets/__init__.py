"""The widgets, one per module; all that draw rows share `line_view`."""
