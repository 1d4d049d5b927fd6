"""The extended Kalman filter's arithmetic: six states, plain floats, no history and no policy.

State: x m, y m, yaw rad of the control point (rear-axle centre); gyro bias rad/s; wheel scale (true
over measured speed); slip: rear slip angle per lateral acceleration, rad/(m/s2). A turning vehicle
travels slip * v * yaw_rate to the outside of where it points (R. Rajamani, Vehicle Dynamics and
Control, ch. 2); left out, that is decimetres in a bend. Covariance: upper triangle, row by row, 21 floats.
"""

from __future__ import annotations

import math

SIZE = 6
X, Y, YAW, BIAS, SCALE, SLIP = range(SIZE)
_PAIRS = [(i, j) for i in range(SIZE) for j in range(i, SIZE)]
_AT = {pair: n for n, pair in enumerate(_PAIRS)}
COLUMN = [[_AT[min(i, j), max(i, j)] for i in range(SIZE)] for j in range(SIZE)]
DIAGONAL = [_AT[i, i] for i in range(SIZE)]

YAW_WALK = math.radians(0.02) ** 2  # rad2/s: gyro white noise of 0.05 deg/s at 50 Hz, with a margin
STEER_WALK = math.radians(0.6) ** 2  # the same when the steering angle stands in for the gyro
BIAS_WALK = math.radians(0.002) ** 2
SCALE_WALK = 1e-4**2
SLIP_WALK = 4e-4**2
ALONG_NOISE = 0.006  # of the distance travelled, per step
ACROSS_NOISE = 0.004
CREEP_WALK = 2e-3**2  # m2/s: keeps the filter from believing an average of correlated errors


def diagonal(sigmas: list[float]) -> list[float]:
    """A covariance from SIZE standard deviations."""
    return [sigmas[i] ** 2 if i == j else 0.0 for i, j in _PAIRS]


def move(x: list[float], wheel: float, rate: float, dt: float) -> list[float]:
    """The state dt seconds later. wheel m/s as measured, rate rad/s without bias."""
    v = wheel * x[SCALE]
    course = x[YAW] + rate * (0.5 * dt - x[SLIP] * v)
    return [
        x[X] + v * dt * math.cos(course),
        x[Y] + v * dt * math.sin(course),
        x[YAW] + rate * dt,
        x[BIAS],
        x[SCALE],
        x[SLIP],
    ]


def predict(
    x: list[float], p: list[float], dt: float, *, wheel: float, gyro: float, gyro_ok: bool
) -> tuple[list[float], list[float]]:
    """One step: gyro rad/s as measured, or (gyro_ok False) the yaw rate that the steering implies."""
    bias, scale, slip = x[BIAS], x[SCALE], x[SLIP]
    rate = gyro - bias if gyro_ok else gyro
    v = wheel * scale
    turn = 0.5 * dt - slip * v
    course = x[YAW] + rate * turn
    c, s = math.cos(course), math.sin(course)
    vdt = v * dt
    # Rows of the Jacobian beyond the identity: columns yaw, bias, scale, slip.
    at, bt = -vdt * s, vdt * c
    db = -turn if gyro_ok else 0.0
    ab, bb = at * db, bt * db
    w = wheel * dt
    ds = -slip * wheel * rate
    as_, bs = w * c + at * ds, w * s + bt * ds
    dk = -v * rate
    ak, bk = at * dk, bt * dk
    tb = -dt if gyro_ok else 0.0
    (
        xx, xy, xt, xb, xs, xk, yy, yt, yb, ys, yk, tt, tbias, ts, tk, bbias, bscale, bslip, ss, sk, kk,
    ) = p  # fmt: skip
    # M = F P, the rows that change; then P' = M F'.
    mxt = xt + at * tt + ab * tbias + as_ * ts + ak * tk
    mxb = xb + at * tbias + ab * bbias + as_ * bscale + ak * bslip
    mxs = xs + at * ts + ab * bscale + as_ * ss + ak * sk
    mxk = xk + at * tk + ab * bslip + as_ * sk + ak * kk
    myt = yt + bt * tt + bb * tbias + bs * ts + bk * tk
    myb = yb + bt * tbias + bb * bbias + bs * bscale + bk * bslip
    mys = ys + bt * ts + bb * bscale + bs * ss + bk * sk
    myk = yk + bt * tk + bb * bslip + bs * sk + bk * kk
    mxx = xx + at * xt + ab * xb + as_ * xs + ak * xk
    mxy = xy + at * yt + ab * yb + as_ * ys + ak * yk
    myy = yy + bt * yt + bb * yb + bs * ys + bk * yk
    mtt, mtb = tt + tb * tbias, tbias + tb * bbias
    mts, mtk = ts + tb * bscale, tk + tb * bslip
    distance = abs(vdt)
    along, across = (ALONG_NOISE * distance) ** 2, (ACROSS_NOISE * distance) ** 2
    still = CREEP_WALK * dt
    rolling = 1.0 if distance > 0.0 else 0.0
    return [
        x[X] + vdt * c, x[Y] + vdt * s, x[YAW] + rate * dt, bias, scale, slip,
    ], [
        mxx + at * mxt + ab * mxb + as_ * mxs + ak * mxk + along * c * c + across * s * s + still,
        mxy + bt * mxt + bb * mxb + bs * mxs + bk * mxk + (along - across) * c * s,
        mxt + tb * mxb, mxb, mxs, mxk,
        myy + bt * myt + bb * myb + bs * mys + bk * myk + along * s * s + across * c * c + still,
        myt + tb * myb, myb, mys, myk,
        mtt + tb * mtb + (YAW_WALK if gyro_ok else STEER_WALK) * dt * rolling,
        mtb, mts, mtk,
        bbias + BIAS_WALK * dt, bscale, bslip,
        ss + SCALE_WALK * dt * rolling, sk,
        kk + SLIP_WALK * dt * rolling,
    ]  # fmt: skip


def update(
    x: list[float], p: list[float], axis: int, error: float, variance: float, *, arm: float = 0.0
) -> tuple[list[float], list[float]]:
    """One scalar measurement of `x[axis] + arm * yaw`: error = measured - expected."""
    if arm:
        gain = [p[a] + arm * p[b] for a, b in zip(COLUMN[axis], COLUMN[YAW], strict=True)]
        total = gain[axis] + arm * gain[YAW] + variance
    else:
        gain = [p[a] for a in COLUMN[axis]]
        total = gain[axis] + variance
    scaled = [g / total for g in gain]
    return (
        [value + k * error for value, k in zip(x, scaled, strict=True)],
        [value - scaled[i] * gain[j] for value, (i, j) in zip(p, _PAIRS, strict=True)],
    )


def spread(p: list[float], arm_x: float, arm_y: float) -> tuple[float, float, float]:
    """Covariance (xx, xy, yy) of a point that moves by (arm_x, arm_y) per rad of yaw."""
    xt, yt, tt = p[COLUMN[YAW][X]], p[COLUMN[YAW][Y]], p[DIAGONAL[YAW]]
    return (
        p[DIAGONAL[X]] + 2 * arm_x * xt + arm_x * arm_x * tt,
        p[COLUMN[X][Y]] + arm_x * yt + arm_y * xt + arm_x * arm_y * tt,
        p[DIAGONAL[Y]] + 2 * arm_y * yt + arm_y * arm_y * tt,
    )


def major_sigma(xx: float, xy: float, yy: float) -> float:
    """Standard deviation along the longest axis of a 2 x 2 covariance."""
    half = 0.5 * (xx - yy)
    return math.sqrt(max(0.0, 0.5 * (xx + yy) + math.sqrt(half * half + xy * xy)))
