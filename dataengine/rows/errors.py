"""Errors about one record: the reason that it is counted and quarantined under."""


class ShapeError(ValueError):
    """A record that cannot become a row; its message is the detail of `reason`."""

    reason = "shape"


class NotCarried(ShapeError):
    """A record whose meaning would change without something that a row cannot hold."""

    reason = "not carried"
