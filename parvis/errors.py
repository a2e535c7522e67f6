class CannotProceed(Exception):
    """One sentence for the person at the terminal: what is in the way and, where we know it, what to do."""
