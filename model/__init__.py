"""The cascade: network, data, training and export. Needs the ``[train]`` extra."""
