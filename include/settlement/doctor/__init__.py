"""Is everything set up? One look a question, before the first run and any time after."""
