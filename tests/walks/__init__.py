"""What on-call meets, played in a real Airflow and a real browser: `make walks`.

Each walk brings its trouble about, and then does what a person does, from where a person starts.
What it clicks and reads is what docs/on-call.md tells.
"""
