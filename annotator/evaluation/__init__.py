"""Measuring a model against labelled data: ground truth, accumulators, similarities, report."""
