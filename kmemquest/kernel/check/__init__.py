"""The checkers a debug kernel is built with; each listens, reports, and can be switched off."""
