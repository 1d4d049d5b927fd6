"""Motion: where the vehicle is, where it should be, how fast and how it steers.

geodesy (WGS 84 -> site frame), route (a lane as smooth reference), filter / fixes / history / acquire /
localise (the pose), integrity (how far it may be trusted), braking / speed_limits / speed_law (speed and
precise stop), track (steering).
"""

from gatectl.core.motion.braking import braking_curve, braking_distance, stopping_distance
from gatectl.core.motion.excite import ExcitationState
from gatectl.core.motion.fixes import GnssFix, MarkerFix
from gatectl.core.motion.geodesy import SiteFrame, SitePoint
from gatectl.core.motion.history import Motion
from gatectl.core.motion.localise import Estimate, Localiser, LocaliserState
from gatectl.core.motion.route import Projection, Route, RoutePoint, Stretches
from gatectl.core.motion.speed_law import SpeedCommand, SpeedLaw, SpeedState
from gatectl.core.motion.speed_limits import SpeedLimits
from gatectl.core.motion.track import Deviation, Tracker, TrackState

__all__ = [
    "Deviation",
    "Estimate",
    "ExcitationState",
    "GnssFix",
    "Localiser",
    "LocaliserState",
    "MarkerFix",
    "Motion",
    "Projection",
    "Route",
    "RoutePoint",
    "SiteFrame",
    "SitePoint",
    "SpeedCommand",
    "SpeedLaw",
    "SpeedLimits",
    "SpeedState",
    "Stretches",
    "TrackState",
    "Tracker",
    "braking_curve",
    "braking_distance",
    "stopping_distance",
]
