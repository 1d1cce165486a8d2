"""People in the fields of a FiftyOne dataset: schema, conversion, storage."""
