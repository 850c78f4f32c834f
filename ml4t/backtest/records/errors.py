"""What is raised where a result cannot be stored or loaded."""


class ResultError(ValueError):
    """A folder that holds no result, a damaged one or a foreign one, or that cannot be written.

    The message names the file and the reason.
    """
