"""What is raised where a run cannot answer a question about itself."""


class AnalysisError(ValueError):
    """A question that the trades or returns of a run cannot answer, or one that is asked wrongly."""
