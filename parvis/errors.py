class CannotProceed(Exception):  # noqa: N818 - it reads as the sentence that it carries, not as a fault of the code
    """One sentence for the person at the terminal: what is in the way and, where we know it, what to do."""
