"""The guards of the transit table: evidence against what was announced."""

from __future__ import annotations

from gatectl.core.flow.iso6346 import code_problem
from gatectl.core.flow.transit import Guard, Outcome, Transit, View, Watch
from gatectl.model.messages import ContainerRead, Reason
from gatectl.model.site import Limits

_STABLE_NS = 1_000_000_000
_REREAD = "look at the image and the container; reidentify with the code you read, or have it read again"
_RESEAL = "divert it and call customs; after a fresh look reidentify to have it read again"
_REWEIGH = "compare with the papers; reweigh after the cause is gone"
_RESCAN = "divert it to inspection, or rescan to have it screened again"


def _wait(code: str, text: str, remedy: str) -> Outcome:
    return Outcome(False, (Reason(code=code, text=text, remedy=remedy),))


def _judge(wrong: list[tuple[str, str]], remedy: str, evidence: tuple[str, str]) -> Outcome:
    """Right when nothing is wrong; otherwise every reason, and the transit is on hold."""
    if not wrong:
        return Outcome(True, evidence=(evidence,))
    return Outcome(False, tuple(Reason(code=c, text=t, remedy=remedy) for c, t in wrong), True)


def _plain(ok: bool, code: str, text: str, remedy: str) -> Outcome:
    return Outcome(True) if ok else _wait(code, text, remedy)


def _fresh_read(t: Transit, v: View) -> ContainerRead | None:
    """The newest read of this passage: after the vehicle came, and after any reidentify."""
    newer_than = max(t.arrived_utc_ns, t.identity_after_utc_ns)
    if t.arrived_utc_ns and v.read is not None and v.read.read_utc_ns >= newer_than:
        return v.read
    return None


def origin_released(_t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """The origin's release holds."""
    return Outcome(not v.origin, v.origin)


def loaded(t: Transit, _w: Watch, _v: View, _l: Limits) -> Outcome:
    """The crane has finished the load cycle."""
    return _plain(t.loaded, "not_loaded", "the crane has not loaded it yet", "see the crane: gatectl why")


def identified(t: Transit, _w: Watch, v: View, limits: Limits) -> Outcome:
    """Code read = code announced, right check digit, sure enough; a person's re-read counts as sure."""
    wrong: list[tuple[str, str]] = []
    if t.operator_read:
        code, source = t.operator_read, "re-read by a person"
    else:
        read = _fresh_read(t, v)
        if read is None:
            return _wait("no_read", "no container code was read since the vehicle came", _REREAD)
        code, source = read.container, f"{read.device}, confidence {read.confidence:.2f}"
        if not read.confidence >= limits.identity_confidence_min:
            needed = limits.identity_confidence_min
            text = f"{read.device} is sure to {read.confidence:.2f} only, needed {needed:g}"
            wrong.append(("identity_unsure", text))
        if not read.check_digit_ok and not code_problem(code):
            wrong.append(("check_digit", f"{read.device} doubts the check digit of {code}"))
    problem = code_problem(code)
    if problem:
        wrong.append(("check_digit", f"the code read is wrong in itself: {problem}"))
    if code != t.container:
        wrong.append(("identity_mismatch", f"{code} was read, and {t.container} was announced ({source})"))
    return _judge(wrong, _REREAD, ("identity", f"announced {t.container}, read {code} ({source})"))


def weighed(t: Transit, w: Watch, v: View, limits: Limits) -> Outcome:
    """Stable and GOOD for 1 s while the vehicle stands on the node; within tolerance and limit."""
    if not t.gross_kg:
        waiting = _take_weight(t, w, v)
        if waiting is not None:
            return waiting
    off = t.gross_kg / t.declared_gross_kg - 1.0
    seen = f"declared {t.declared_gross_kg:.0f} kg, weighed {t.gross_kg:.0f} kg ({off:+.1%})"
    wrong = []
    if not abs(off) <= limits.weight_tolerance:
        wrong.append(("weight_off", f"{seen}, allowed {limits.weight_tolerance:.1%}"))
    if t.gross_kg > limits.container_gross_max_kg:
        wrong.append(("weight_over_limit", f"{seen}, at most {limits.container_gross_max_kg:.0f} kg"))
    return _judge(wrong, _REWEIGH, ("weight", f"{seen}, allowed {limits.weight_tolerance:.1%}"))


def _take_weight(t: Transit, w: Watch, v: View) -> Outcome | None:
    """Follow the scale; None once `gross_kg` was taken."""
    if not v.at_check:
        w.stable_since_mono_ns = 0
        return _wait("not_on_scale", "the vehicle does not stand on the scale", "wait until it stands there")
    found = []
    for name, wanted in (("gross", None), ("stable", True), ("overload", False), ("underload", False)):
        sample = v.scale[name]
        if not sample.good:
            text = f"the scale's {name} is {sample.quality.name}, {sample.cause.name}"
            found.append(("scale_bad", text, "check the scale and its cable; gatectl tags shows it"))
        elif wanted is not None and bool(sample.value) is not wanted:
            text = f"the scale is {'not stable' if wanted else name}"
            found.append(
                (f"scale_{'unstable' if wanted else name}", text, "wait for calm, or check the scale")
            )
    if found:
        w.stable_since_mono_ns = 0
        return Outcome(False, tuple(Reason(code=c, text=x, remedy=r) for c, x, r in found))
    w.stable_since_mono_ns = w.stable_since_mono_ns or v.now_mono_ns
    if v.now_mono_ns - w.stable_since_mono_ns < _STABLE_NS:
        return _wait("weighing", "the scale must stay stable for 1 s", "wait")
    w.stable_since_mono_ns = 0  # a reweigh begins a new second
    gross_kg = v.scale["gross"].value - v.tare_kg
    t.gross_kg = max(gross_kg, 1.0)  # 0 means "not weighed yet"; an empty vehicle is far off anyway
    return None


def seal_intact(t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """The seal of the newest read is intact and the announced one."""
    read = _fresh_read(t, v)
    if read is None:
        return _wait("no_seal_read", "no seal was read since the vehicle came", _RESEAL)
    wrong = []
    if read.seal_state != "intact":
        wrong.append((f"seal_{read.seal_state}", f"{read.device} found the seal {read.seal_state}"))
    if read.seal != t.seal:
        wrong.append(("seal_mismatch", f"seal {read.seal!r} was read, and {t.seal!r} was announced"))
    return _judge(wrong, _RESEAL, ("seal", f"announced {t.seal}, read {read.seal}, {read.seal_state}"))


def scanned_clear(t: Transit, _w: Watch, v: View, limits: Limits) -> Outcome:
    """A clear verdict for this container, of this passage, not too old."""
    verdict = v.verdict
    newer_than = max(t.arrived_utc_ns, t.verdict_after_utc_ns)
    if verdict is None or not t.arrived_utc_ns or verdict.taken_utc_ns < newer_than:
        text = "no screening verdict was given since the vehicle came"
        return _wait("no_verdict", text, "wait for the portal, or rescan")
    age_s = (v.now_utc_ns - verdict.taken_utc_ns) / 1e9
    wrong = []
    if verdict.container != t.container:
        wrong.append(("verdict_other_box", f"the verdict is for {verdict.container}, not {t.container}"))
    if verdict.verdict != "clear":
        wrong.append((f"screening_{verdict.verdict}", f"{verdict.device} says {verdict.verdict}"))
    if age_s > limits.verdict_age_max_s:
        wrong.append(
            ("verdict_stale", f"the verdict is {age_s:.0f} s old, at most {limits.verdict_age_max_s:g} s")
        )
    seen = f"{verdict.device} by {verdict.operator}: {verdict.verdict}, image {verdict.image_ref}"
    return _judge(wrong, _RESCAN, ("screening", seen))


def risk_decided(t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """All checks are behind it; neither customs has it on hold or revoked."""
    objections = tuple(r for r in v.permit if r.code.startswith(("release_hold", "release_revoke")))
    checks = ", ".join(sorted(t.evidence))
    return Outcome(not objections, objections, evidence=(("risk", f"checks passed: {checks}"),))


def line_permitted(_t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """Both customs' releases hold now."""
    return Outcome(not v.permit, v.permit, evidence=(("permit", "both customs' releases hold"),))


def permit_lost(t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """A release ended, or an operator holds it, before the vehicle entered."""
    return Outcome(bool(v.permit or t.held_by), evidence=(("permit", "withdrawn"),))


def entered_border(_t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """The control point is in the border stretch."""
    return _plain(v.in_border, "before_border", "the vehicle is before the border stretch", "see the vehicle")


def left_border(_t: Transit, _w: Watch, v: View, _l: Limits) -> Outcome:
    """The tail has left the border stretch."""
    return _plain(v.left_border, "in_border", "the vehicle is in the border stretch", "see the vehicle")


def grounded(t: Transit, _w: Watch, _v: View, _l: Limits) -> Outcome:
    """The crane has finished the unload cycle."""
    return _plain(
        t.grounded, "not_grounded", "the crane has not set it down yet", "see the crane: gatectl why"
    )


GUARDS: dict[str, Guard] = {
    guard.__name__: guard
    for guard in (
        origin_released, loaded, identified, weighed, seal_intact, scanned_clear, risk_decided,
        line_permitted, permit_lost, entered_border, left_border, grounded,
    )
}  # fmt: skip
