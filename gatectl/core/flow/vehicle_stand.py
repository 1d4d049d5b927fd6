"""May the crane work over this vehicle? Braked, aligned, standing and the right one."""

from __future__ import annotations

from msgspec import Struct

from gatectl.model.messages import Reason
from gatectl.model.site import Limits


class Stand(Struct, frozen=True, kw_only=True):
    """What is known of the vehicle under a crane.

    along_m, across_m: its control point from the node; deviation_m: its protection level; action: status
    of this order's pick or drop, "" when the vehicle does not know it. The vehicle runs such an action
    only with its brakes applied, so RUNNING is its word that it is braked and holds.
    """

    serial: str
    silent: bool
    stopped: bool
    localised: bool
    along_m: float
    across_m: float
    deviation_m: float
    action: str


def stand_problems(stand: Stand, limits: Limits, starting: bool) -> tuple[Reason, ...]:
    """Every reason why not. starting: the cycle has not begun, so the vehicle must be aligned and its
    action RUNNING; later it may have FINISHED (the load has changed hands) and twice the alignment
    is allowed, so that noise at the limit does not stop the hoist."""
    who, found = stand.serial, []
    if stand.silent:
        found.append(("vehicle_silent", f"{who} does not report", "bring its link back"))
    if not stand.stopped:
        found.append(("vehicle_moves", f"{who} does not stand still", "it must stop under the crane"))
    if stand.action not in (("RUNNING",) if starting else ("RUNNING", "FINISHED")):
        text = f"{who} does not hold for the crane (its action is {stand.action or 'not known to it'})"
        found.append(("vehicle_action", text, "see why it does not begin the action: gatectl why on it"))
    if starting and not stand.localised:
        found.append(("vehicle_lost", f"{who} does not know where it is", "wait for its position"))
    elif starting and stand.deviation_m > limits.alert_limit_m:
        text = (
            f"{who}'s position is good to {stand.deviation_m:.2f} m only, needed {limits.alert_limit_m:g} m"
        )
        found.append(("vehicle_uncertain", text, "wait for GNSS and corrections"))
    allowance = 1.0 if starting else 2.0
    if stand.localised and (
        abs(stand.along_m) > allowance * limits.align_along_m
        or abs(stand.across_m) > allowance * limits.align_across_m
    ):
        text = (
            f"{who} stands {stand.along_m:+.2f} m along and {stand.across_m:+.2f} m across from the place, "
            f"allowed {allowance * limits.align_along_m:g} m and {allowance * limits.align_across_m:g} m"
        )
        found.append(("vehicle_not_aligned", text, "move it onto the place"))
    return tuple(Reason(code=code, text=text, remedy=remedy) for code, text, remedy in found)
