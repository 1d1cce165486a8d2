"""Value types: the label space, people with their labels and quality, and the maps of the network.

No runtime is imported here.
"""
