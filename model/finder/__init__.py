"""The person finder: the network that proposes a box for every person in a photo, its training and its export."""
