"""Blocks, leases and dispatch: who may be where, and how the vehicles are told.

Claim, allocate, free: a vehicle's next stretch is requested as a whole, granted as a whole when every
block of it is free, and freed block by block when the vehicle's tail is seen to have left. Silence
frees nothing.
"""

from gatectl.core.traffic.blocks import BlockMap, Change, Occupancy, Request, Traffic, TrafficState
from gatectl.core.traffic.dispatch import Dispatch, LeaseState, OrderState
from gatectl.core.traffic.lanes import LaneLine
from gatectl.core.traffic.track import VehicleTrack, observe

__all__ = [
    "BlockMap",
    "Change",
    "Dispatch",
    "LaneLine",
    "LeaseState",
    "Occupancy",
    "OrderState",
    "Request",
    "Traffic",
    "TrafficState",
    "VehicleTrack",
    "observe",
]
