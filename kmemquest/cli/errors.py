"""What a command says when its input is no good."""


class BadInput(Exception):
    """The input cannot be used; the text is a sentence for the person who typed it."""
