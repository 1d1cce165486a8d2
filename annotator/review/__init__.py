"""Review: the queue of what is most likely wrong, edits and their undo, and what the panel receives."""
