"""Runs over whole collections: a folder of photos, or a FiftyOne dataset."""
