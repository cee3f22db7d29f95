"""A stand-in for the partner API, to rehearse daily settlement with.

`core.Sandbox` answers requests without sockets or a clock of its own; `server` puts it behind
HTTP. It is written from the public description of the API alone and shares no code with the
client that it rehearses.
"""
