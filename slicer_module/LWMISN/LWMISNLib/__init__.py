"""What the module LWMISN is made of. Only :mod:`.widget` needs Qt; :mod:`.worker` runs in a process of its own."""
