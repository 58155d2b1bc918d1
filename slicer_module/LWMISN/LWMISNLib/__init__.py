"""The parts of the module LWMISN. Only :mod:`.widget` needs Qt; :mod:`.worker` runs in a process of its own."""
