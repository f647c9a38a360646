"""User errors: what a person did wrong, where, and how to mend it."""


class UserError(ValueError):
    """Bad input from a person: one line naming the file, the key or line, and the fix.

    A command prints the message alone, without a traceback, and exits with code 2. It is a
    ValueError so that a pydantic validator that raises it has its key and line named too.
    """


class NothingLeft(UserError):
    """No row is left to write: what every stage dropped is still laid out and told."""
