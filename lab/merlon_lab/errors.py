"""The one error that a user can mend: the command prints its text and ends with 1."""


class LabError(Exception):
    """Says what is wrong with which thing, what was seen, and what to do."""
