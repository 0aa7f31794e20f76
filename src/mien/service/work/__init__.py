"""Work that outlives a request: jobs, the workers that do them, and the limited process that decodes uploads."""
