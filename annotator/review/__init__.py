"""Review: the queue of images, edits and their undo, bulk approval, and what the panel receives."""
