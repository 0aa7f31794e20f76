"""One file a thing: each owns its SQL, and none can be made without an organisation's scope."""
