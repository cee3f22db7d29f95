"""The steps of a run, one function each; a task of the DAG is a thin wrapper around one."""
