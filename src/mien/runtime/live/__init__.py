"""Live measuring: cameras and networks in workers of their own, everything that remembers in one place.

Workers hold nothing that would be missed. One a camera captures and decodes, one runs the networks; each is a process
(or a thread) that can be killed and started again. Tracking, the privacy gate, the metrics and the timeline stay in
the engine, so a baseline survives the death of any worker. Frames cross in shared memory, never pickled; readings,
boxes and crops stay within these processes, which are one program.
"""
