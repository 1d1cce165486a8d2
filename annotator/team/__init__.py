"""Several people, one collection: who works on what, and what each has done."""
