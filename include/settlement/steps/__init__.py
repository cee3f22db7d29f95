"""The steps of a run, one function each, and what people do; tasks and commands wrap these."""
