"""The extended Kalman filter's arithmetic: eight states, plain floats, no history and no policy.

State: x m, y m, yaw rad of the control point; gyro bias rad/s; wheel scale (true over measured speed);
slip: slip angle there per lateral acceleration, rad/(m/s2); crab rad: what the course deviates from the
heading beyond that (crossfall, antenna offset); lag s: how much older the odometry is than its stamp says,
against the receiver's clock. A turning vehicle travels slip * v * yaw_rate to the outside of where it
points (R. Rajamani, Vehicle Dynamics and Control, ch. 2); left out, that is decimetres in a bend. The tyres
need a moment to build it up: `settle`. The way of a step is scale * (wheel * dt + lag * change of wheel),
and the turn likewise: left out, an acceleration would be taken for another wheel scale. Covariance: upper
triangle, row by row, 36 floats.
"""

from __future__ import annotations

import math

SIZE = 8
X, Y, YAW, BIAS, SCALE, SLIP, CRAB, LAG = range(SIZE)
_PAIRS = [(i, j) for i in range(SIZE) for j in range(i, SIZE)]
_AT = {pair: n for n, pair in enumerate(_PAIRS)}
COLUMN = [[_AT[min(i, j), max(i, j)] for i in range(SIZE)] for j in range(SIZE)]
DIAGONAL = [_AT[i, i] for i in range(SIZE)]

YAW_WALK = math.radians(0.012) ** 2  # rad2/s: gyro white noise of 0.05 deg/s at 50 Hz, with a margin
GYRO_SCALE = 0.003  # of the yaw rate, constant over about a second
STEER_WALK = math.radians(0.6) ** 2  # the same when the steering angle stands in for the gyro
STEER_SCALE = 0.05  # and the share of its yaw rate that tyres and linkage take
BIAS_WALK = math.radians(0.002) ** 2
SCALE_WALK = 1e-4**2
SLIP_WALK = 2e-4**2
CRAB_WALK = math.radians(0.012) ** 2  # per m travelled: crossfall changes with the place
LAG_WALK = 5e-4**2  # s2/s: clocks drift, buses get busy
ALONG_NOISE = 0.006  # of the distance travelled, per step
ACROSS_NOISE = 0.001
CREEP_WALK = 1.5e-3**2  # m2/s: keeps the filter from believing an average of correlated errors
LAG_SPEED_MPS = 1.0  # below, the tyres' lag is not followed

Direction = tuple[tuple[int, float], ...]


def diagonal(sigmas: list[float]) -> list[float]:
    """A covariance from SIZE standard deviations."""
    return [sigmas[i] ** 2 if i == j else 0.0 for i, j in _PAIRS]


def settle(lateral: float, x: list[float], wheel: float, rate: float, dt: float, reach_m: float) -> float:
    """The lateral acceleration (m/s2) that the tyres have answered, dt seconds later.

    It follows v * rate with the time that the vehicle needs for slip * v metres (relaxation of a vehicle
    on its tyres) and, steered in front, reach_m more: the yaw inertia pushes the rear axle outwards when
    a bend begins (k2 / l_front - l_rear of the single-track model, k2: yaw inertia per mass).
    """
    if dt <= 0.0:
        return lateral
    v = abs(wheel * x[SCALE])
    tau = x[SLIP] * v + reach_m / max(v, LAG_SPEED_MPS)
    return lateral + (v * rate - lateral) * dt / (max(tau, 0.0) + dt)


def move(x: list[float], wheel: float, rate: float, lateral: float, dt: float) -> list[float]:
    """The state dt seconds later. wheel m/s as measured, rate rad/s without bias, lateral m/s2 (`settle`)."""
    v = wheel * x[SCALE]
    course = x[YAW] + 0.5 * rate * dt - x[SLIP] * lateral + x[CRAB]
    return [
        x[X] + v * dt * math.cos(course),
        x[Y] + v * dt * math.sin(course),
        x[YAW] + rate * dt,
        x[BIAS],
        x[SCALE],
        x[SLIP],
        x[CRAB],
        x[LAG],
    ]


def predict(
    x: list[float], p: list[float], dt: float, *, wheel: float, gyro: float, gyro_ok: bool, lateral: float,
    change: float = 0.0, swing: float = 0.0, walk: float = 0.0,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """One step: gyro rad/s as measured, or (gyro_ok False) the yaw rate that the steering implies.

    lateral m/s2: see `settle`. change m/s, swing rad/s: of wheel speed and yaw rate over the step. walk
    m/s^0.5: of the place, where the wheel speed is a guess.
    """
    bias, scale, slip, lag = x[BIAS], x[SCALE], x[SLIP], x[LAG]
    rate = gyro - bias if gyro_ok else gyro
    course = x[YAW] + 0.5 * rate * dt - slip * lateral + x[CRAB]
    c, s = math.cos(course), math.sin(course)
    w = wheel * dt + lag * change
    vdt = w * scale
    # Rows of the Jacobian beyond the identity: columns yaw and crab (the same), bias, scale, slip, lag.
    at, bt = -vdt * s, vdt * c
    db = slip * abs(wheel * scale) - 0.5 * dt if gyro_ok else 0.0
    ab, bb = at * db, bt * db
    ds = -slip * lateral / scale
    as_, bs = w * c + at * ds, w * s + bt * ds
    ak, bk = -at * lateral, -bt * lateral
    al, bl = scale * change * c, scale * change * s
    tb = -dt if gyro_ok else 0.0
    (
        xx, xy, xt, xb, xs, xk, xc, xl, yy, yt, yb, ys, yk, yc, yl, tt, tbias, ts, tk, tc, tl,
        bbias, bscale, bslip, bcrab, blag, ss, sk, sc, sl, kk, kc, kl, cc, cl, ll,
    ) = p  # fmt: skip
    # M = F P, the rows that change; then P' = M F'.
    ut, ub, us, uk, uc, ul = tt + tc, tbias + bcrab, ts + sc, tk + kc, tc + cc, tl + cl
    mxt = xt + at * ut + ab * tbias + as_ * ts + ak * tk + al * tl
    mxb = xb + at * ub + ab * bbias + as_ * bscale + ak * bslip + al * blag
    mxs = xs + at * us + ab * bscale + as_ * ss + ak * sk + al * sl
    mxk = xk + at * uk + ab * bslip + as_ * sk + ak * kk + al * kl
    mxc = xc + at * uc + ab * bcrab + as_ * sc + ak * kc + al * cl
    mxl = xl + at * ul + ab * blag + as_ * sl + ak * kl + al * ll
    myt = yt + bt * ut + bb * tbias + bs * ts + bk * tk + bl * tl
    myb = yb + bt * ub + bb * bbias + bs * bscale + bk * bslip + bl * blag
    mys = ys + bt * us + bb * bscale + bs * ss + bk * sk + bl * sl
    myk = yk + bt * uk + bb * bslip + bs * sk + bk * kk + bl * kl
    myc = yc + bt * uc + bb * bcrab + bs * sc + bk * kc + bl * cl
    myl = yl + bt * ul + bb * blag + bs * sl + bk * kl + bl * ll
    mxx = xx + at * (xt + xc) + ab * xb + as_ * xs + ak * xk + al * xl
    mxy = xy + at * (yt + yc) + ab * yb + as_ * ys + ak * yk + al * yl
    myy = yy + bt * (yt + yc) + bb * yb + bs * ys + bk * yk + bl * yl
    mtb, mtl = tbias + tb * bbias + swing * blag, tl + tb * blag + swing * ll
    distance = abs(vdt)
    along, across = (ALONG_NOISE * distance) ** 2, (ACROSS_NOISE * distance) ** 2
    still = (CREEP_WALK + walk * walk) * dt
    rolling = dt if distance > 0.0 else 0.0
    turning = (GYRO_SCALE if gyro_ok else STEER_SCALE) * rate
    walk_yaw = (YAW_WALK if gyro_ok else STEER_WALK) + turning * turning
    return [
        x[X] + vdt * c, x[Y] + vdt * s, x[YAW] + rate * dt + lag * swing, bias, scale, slip, x[CRAB], lag,
    ], [
        mxx + at * (mxt + mxc) + ab * mxb + as_ * mxs + ak * mxk + al * mxl
        + along * c * c + across * s * s + still,
        mxy + bt * (mxt + mxc) + bb * mxb + bs * mxs + bk * mxk + bl * mxl + (along - across) * c * s,
        mxt + tb * mxb + swing * mxl, mxb, mxs, mxk, mxc, mxl,
        myy + bt * (myt + myc) + bb * myb + bs * mys + bk * myk + bl * myl
        + along * s * s + across * c * c + still,
        myt + tb * myb + swing * myl, myb, mys, myk, myc, myl,
        tt + tb * (tbias + mtb) + swing * (tl + mtl) + walk_yaw * rolling,
        mtb, ts + tb * bscale + swing * sl, tk + tb * bslip + swing * kl, tc + tb * bcrab + swing * cl, mtl,
        bbias + BIAS_WALK * dt, bscale, bslip, bcrab, blag,
        ss + SCALE_WALK * rolling, sk, sc, sl,
        kk + SLIP_WALK * rolling, kc, kl,
        cc + CRAB_WALK * distance, cl,
        ll + LAG_WALK * rolling,
    ]  # fmt: skip


def update(
    x: list[float], p: list[float], error: float, variance: float, along: Direction
) -> tuple[list[float], list[float]]:
    """One scalar measurement of the sum of coefficient * state over `along`: error = measured - expected."""
    state, weight = along[0]
    gain = [weight * p[a] for a in COLUMN[state]]
    for state, weight in along[1:]:
        gain = [g + weight * p[a] for g, a in zip(gain, COLUMN[state], strict=True)]
    total = variance
    for state, weight in along:
        total += weight * gain[state]
    scaled = [g / total for g in gain]
    return (
        [value + k * error for value, k in zip(x, scaled, strict=True)],
        [value - scaled[i] * gain[j] for value, (i, j) in zip(p, _PAIRS, strict=True)],
    )


def variance_of(p: list[float], along: Direction) -> float:
    """Variance of the sum of coefficient * state over `along`."""
    return sum(a * b * p[COLUMN[i][j]] for i, a in along for j, b in along)


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
