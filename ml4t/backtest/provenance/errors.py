"""What is raised where a run cannot be written to a file."""


class DescriptionError(ValueError):
    """Something of a run that no file can hold."""
