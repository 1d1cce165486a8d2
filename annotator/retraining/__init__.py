"""From corrections to a better model: corrections as training data, fine-tuning, comparison.

The only part that needs `model`.
"""
