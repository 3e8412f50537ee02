"""Which histories are measured, by their names (see ``histories``)."""

BOTH = ("ok", "bad")
HARD = ("dom", "mid", "late", "many", "flip", "scarce", "near")

# What was measured before this engine was written: of each kind one that is right, and one that is wrong.
_KINDS = """
cas-c5-n1000-v5-i0-t0    cas-c5-n1000-v5-i0-t1    cas-c10-n1000-v5-i0-t1   cas-c20-n1000-v5-i0-t1
cas-c50-n1000-v5-i0-t1   cas-c5-n10000-v5-i0-t1   cas-c20-n10000-v5-i0-t1  cas-c50-n10000-v5-i0-t1
cas-c5-n100000-v5-i0-t1  cas-c5-n1000000-v5-i0-t1 cas-c5-n100-v5-i0.1-t1   cas-c5-n100-v5-i0.3-t1
cas-c5-n1000-v5-i0.1-t1  cas-c5-n1000-v5-i0.3-t1  cas-c20-n1000-v5-i0.1-t1 cas-c5-n10000-v5-i0.1-t1
cas-c5-n10000-v5-i0.3-t1
reg-c5-n1000-v5-i0-t0    reg-c5-n1000-v5-i0-t1    reg-c10-n1000-v5-i0-t1   reg-c20-n1000-v5-i0-t1
reg-c50-n1000-v5-i0-t1   reg-c5-n10000-v5-i0-t1   reg-c20-n10000-v5-i0-t1  reg-c5-n100000-v5-i0-t1
reg-c5-n1000000-v5-i0-t1 reg-c5-n100-v5-i0.1-t1   reg-c5-n100-v5-i0.3-t1   reg-c5-n1000-v5-i0.1-t1
reg-c5-n1000-v5-i0.3-t1
uniq-c5-n1000-v0-i0-t1   uniq-c10-n1000-v0-i0-t1  uniq-c10-n10000-v0-i0-t1 uniq-c10-n100000-v0-i0-t1
uniq-c5-n1000-v0-i0.1-t1
queue-c5-n100-v0-i0-t1   queue-c5-n1000-v0-i0-t1  queue-c10-n1000-v0-i0-t1 queue-c5-n10000-v0-i0-t1
"""
KINDS = tuple(f"{kind}-{how}" for kind in _KINDS.split() for how in BOTH)

_OTHER_MODELS = """
uniq-c50-n100000-v0-i0-t1 queue-c10-n100000-v0-i0-t1 stack-c5-n1000-v0-i0-t1 stack-c10-n100000-v0-i0-t1
set-c5-n1000-v0-i0-t1     set-c10-n100000-v0-i0-t1   set-c5-n1000-v8-i0.1-t1
kv-c5-n1000-v5-i0-t1      kv-c20-n1000-v10-i0-t1     kv-c50-n10000-v10-i0-t1
"""
_HARD = "cas-c5-n1000-v5-i0-t1 cas-c20-n10000-v5-i0-t1 cas-c5-n1000-v5-i0.01-t1 cas-c5-n10000-v5-i0.1-t1"
_LOST = "queue-c5-n1000-v0-i0.1-t1 stack-c5-n1000-v0-i0.1-t1 kv-c5-n1000-v5-i0.1-t1 uniq-c5-n10000-v0-i0.3-t1"
OTHERS = (
    *(f"{kind}-{how}" for kind in _OTHER_MODELS.split() for how in (*BOTH, "mid")),
    *(f"{kind}-{how}" for kind in _HARD.split() for how in HARD),
    *(f"{kind}-{how}" for kind in _LOST.split() for how in BOTH),
)

LENGTHS = tuple(int(10**exponent) for exponent in (4, 4.5, 5, 5.5, 6))
LINES = ("cas-c5-n{}-v5-i0-t1-ok", "reg-c5-n{}-v5-i0-t1-ok", "cas-c20-n{}-v5-i0-t1-ok")
"""Histories whose cost should grow with their length alone."""
