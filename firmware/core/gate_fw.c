/* The rules (see gate_fw.h): health, arming, outputs.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gate_fw.h"

#include <string.h>

static const gate_fw_config DEFAULTS = {
    {
        {-0.62f, 0.62f, 0.0f, 0.35f, 500, 1}, /* steer, rad: 35.5 deg, 20 deg/s */
        {-1.2f, 1.2f, 0.0f, 0.0f, 200, 0},    /* accel, m/s2: a start on 5 % needs 0.6 more than on the flat */
        {0.0f, 1.0f, 1.0f, 0.0f, 200, 0},     /* brake */
        {0.0f, 1.0f, 0.0f, 0.0f, 200, 0},     /* reverse */
    },
    7.0f, 2.5f, 0.5f, 0.3f, 0.03f, 300, 200, 2000, 100, 10,
};

void gate_fw_default_config(gate_fw_config *cfg)
{
    *cfg = DEFAULTS;
}

size_t gate_fw_size(void)
{
    return sizeof(gate_fw);
}

uint32_t gate_fw_config_crc(const gate_fw_config *cfg)
{
    uint8_t bytes[GATE_OUTPUTS * 19 + 5 * 4 + 5 * 2];
    uint8_t *at = bytes;
    int i;
    for (i = 0; i < GATE_OUTPUTS; i++) {
        const gate_output_limits *limits = &cfg->output[i];
        at = gate_put_f32(at, limits->min);
        at = gate_put_f32(at, limits->max);
        at = gate_put_f32(at, limits->fallback);
        at = gate_put_f32(at, limits->rate_max);
        at = gate_put_u16(at, limits->hold_ms);
        *at++ = limits->freeze;
    }
    at = gate_put_f32(at, cfg->speed_limit_mps);
    at = gate_put_f32(at, cfg->reverse_limit_mps);
    at = gate_put_f32(at, cfg->overspeed_margin_mps);
    at = gate_put_f32(at, cfg->rollback_mps);
    at = gate_put_f32(at, cfg->standstill_mps);
    at = gate_put_u16(at, cfg->standstill_ms);
    at = gate_put_u16(at, cfg->host_timeout_ms);
    at = gate_put_u16(at, cfg->forget_ms);
    at = gate_put_u16(at, cfg->late_ms);
    at = gate_put_u16(at, cfg->telemetry_ms);
    return gate_crc32c(bytes, (size_t)(at - bytes));
}

static int positive(float value)
{
    return gate_finite(value) && value > 0.0f;
}

static int config_ok(const gate_fw_config *cfg)
{
    int i;
    for (i = 0; i < GATE_OUTPUTS; i++) {
        const gate_output_limits *limits = &cfg->output[i];
        if (!gate_finite(limits->min) || !gate_finite(limits->max) || !gate_finite(limits->rate_max) ||
            !(limits->min <= limits->fallback && limits->fallback <= limits->max) ||
            limits->rate_max < 0.0f || limits->hold_ms == 0 || limits->hold_ms > 5000) {
            return 0;
        }
    }
    /* The safe state is not configurable. */
    return cfg->output[GATE_ACCEL].fallback == 0.0f && cfg->output[GATE_BRAKE].fallback == 1.0f &&
           cfg->output[GATE_REVERSE].fallback == 0.0f && !cfg->output[GATE_ACCEL].freeze &&
           !cfg->output[GATE_BRAKE].freeze && !cfg->output[GATE_REVERSE].freeze &&
           positive(cfg->speed_limit_mps) && positive(cfg->reverse_limit_mps) && positive(cfg->overspeed_margin_mps) &&
           positive(cfg->rollback_mps) && positive(cfg->standstill_mps) && cfg->late_ms > 0 &&
           cfg->host_timeout_ms > 0 && cfg->host_timeout_ms <= 1000 &&
           cfg->forget_ms >= cfg->host_timeout_ms && cfg->telemetry_ms > 0;
}

void gate_fw_note(gate_fw *fw, gate_event event, uint8_t detail)
{
    fw->event_pending[event] = 1;
    fw->event_detail[event] = detail;
}

void gate_fw_disarm(gate_fw *fw, gate_disarm cause)
{
    if (fw->armed) {
        fw->armed = 0;
        fw->disarm_cause = (uint8_t)cause;
        gate_fw_note(fw, GATE_EVENT_DISARMED, (uint8_t)cause);
    }
}

void gate_fw_init(gate_fw *fw, const gate_fw_config *cfg)
{
    memset(fw, 0, sizeof *fw);
    fw->cfg = *cfg;
    fw->config_ok = (uint8_t)config_ok(cfg);
    fw->disarm_cause = GATE_DISARM_BOOT;
}

static int sensors_ok(const gate_fw_inputs *in)
{
    return in->valid && gate_finite(in->speed_mps) && gate_finite(in->steer_angle_rad) &&
           gate_finite(in->yaw_rate_rps);
}

/* Speed along the engaged direction; negative: it rolls against it. */
static float travel_mps(const gate_fw *fw, float speed_mps)
{
    return fw->out.reverse ? -speed_mps : speed_mps;
}

/* What is wrong now. Overspeed and rolling back stay until the speed is back inside the limit. */
static uint8_t find_fault(const gate_fw *fw, const gate_fw_inputs *in)
{
    const gate_fw_config *cfg = &fw->cfg;
    float margin = fw->fault == GATE_FAULT_OVERSPEED ? 0.0f : cfg->overspeed_margin_mps;
    float rollback = fw->fault == GATE_FAULT_DIRECTION ? cfg->standstill_mps : cfg->rollback_mps;
    float limit = fw->out.reverse ? cfg->reverse_limit_mps : cfg->speed_limit_mps;
    float travel = travel_mps(fw, in->speed_mps);
    if (!fw->config_ok) {
        return GATE_FAULT_CONFIG;
    }
    if (!sensors_ok(in)) {
        return GATE_FAULT_SENSOR;
    }
    if (travel > limit + margin) {
        return GATE_FAULT_OVERSPEED;
    }
    return travel < -rollback ? GATE_FAULT_DIRECTION : GATE_FAULT_NONE;
}

static void watch_host(gate_fw *fw, uint32_t now_us)
{
    uint32_t silent_us = now_us - fw->last_command_us;
    if (!fw->connected) {
        return;
    }
    if (!fw->host_silent && silent_us > fw->cfg.host_timeout_ms * 1000u) {
        fw->host_silent = 1;
        fw->host_timeout = 1;
    }
    if (silent_us > fw->cfg.forget_ms * 1000u) {
        fw->connected = 0;
    }
}

static void watch_standstill(gate_fw *fw, uint32_t now_us)
{
    float speed = fw->in.speed_mps;
    int slow = sensors_ok(&fw->in) && speed < fw->cfg.standstill_mps && speed > -fw->cfg.standstill_mps;
    if (slow && !fw->slow) {
        fw->slow_since_us = now_us;
    }
    fw->slow = (uint8_t)slow;
    if (!slow) {
        fw->standstill = 0;
    } else if (now_us - fw->slow_since_us >= fw->cfg.standstill_ms * 1000u) {
        fw->standstill = 1;
    }
}

static gate_disarm obstacle(const gate_fw *fw)
{
    if (fw->in.estop) {
        return GATE_DISARM_ESTOP;
    }
    if (fw->fault != GATE_FAULT_NONE) {
        return GATE_DISARM_FAULT;
    }
    return !fw->connected || fw->host_silent ? GATE_DISARM_HOST_TIMEOUT : GATE_DISARM_NONE;
}

static float clamp(float value, float min, float max)
{
    return value < min ? min : value > max ? max : value;
}

static void arm_or_disarm(gate_fw *fw)
{
    gate_disarm against = obstacle(fw);
    if (against != GATE_DISARM_NONE) {
        gate_fw_disarm(fw, against);
    }
    if (fw->reset_edge) {
        fw->reset_edge = 0; /* an edge is used once, whether it helps or not */
        if (against != GATE_DISARM_NONE) {
            gate_fw_note(fw, GATE_EVENT_RESET_REFUSED, (uint8_t)against);
        } else if (!fw->armed) {
            fw->armed = 1;
            fw->host_timeout = 0;
            fw->disarm_cause = GATE_DISARM_NONE;
            /* Start from where the wheels are: arming must not jerk the steering. */
            fw->out.steer_rad = clamp(fw->in.steer_angle_rad, fw->cfg.output[GATE_STEER].min,
                                      fw->cfg.output[GATE_STEER].max);
            gate_fw_note(fw, GATE_EVENT_ARMED, 0);
        }
    }
}

static float steer_towards(gate_fw *fw, float target, float dt_s)
{
    const gate_output_limits *limits = &fw->cfg.output[GATE_STEER];
    float from = fw->out.steer_rad;
    float reached = target;
    uint8_t limited;
    if (limits->rate_max > 0.0f) {
        float step = limits->rate_max * dt_s;
        reached = clamp(target, from - step, from + step);
    }
    limited = (uint8_t)(reached != target);
    if (limited && !fw->rate_limited) {
        fw->clamped++; /* once per stretch of limiting, not per step */
    }
    fw->rate_limited = limited;
    return reached;
}

/* Engages the commanded direction once the vehicle stands and the brake was on in the step before;
 * without armed intent it stays as it is, as the steering does.
 * Returns 1 while it is not engaged; then the vehicle must be braked. */
static int change_direction(gate_fw *fw, int may_drive)
{
    uint8_t wanted = (uint8_t)(fw->fresh[GATE_REVERSE] && fw->value[GATE_REVERSE] >= 0.5f);
    uint8_t changing = (uint8_t)(may_drive && wanted != fw->out.reverse);
    if (changing && !fw->changing && !fw->slow) {
        fw->clamped++; /* commanded while rolling: once per stretch, not per step */
    }
    fw->changing = changing;
    if (changing && fw->standstill && fw->out.brake) {
        fw->out.reverse = wanted;
    }
    return changing;
}

static void drive_outputs(gate_fw *fw, uint32_t now_us, float dt_s)
{
    const gate_output_limits *limits = fw->cfg.output;
    int may_drive = fw->armed && fw->enable;
    int changing;
    int i;
    for (i = 0; i < GATE_OUTPUTS; i++) {
        if (now_us - fw->value_at_us[i] > limits[i].hold_ms * 1000u) {
            fw->fresh[i] = 0; /* latched, so that wrapping ticks cannot revive it */
        }
    }
    changing = change_direction(fw, may_drive);
    fw->out.brake = (uint8_t)(!may_drive || changing || !fw->fresh[GATE_BRAKE] || fw->value[GATE_BRAKE] >= 0.5f);
    fw->out.accel_mps2 = 0.0f;
    if (!fw->out.brake && fw->fresh[GATE_ACCEL]) {
        fw->out.accel_mps2 = fw->value[GATE_ACCEL];
        if (fw->out.accel_mps2 < 0.0f &&
            travel_mps(fw, fw->in.speed_mps) <= fw->cfg.standstill_mps) {
            fw->out.accel_mps2 = 0.0f; /* deceleration ends at standstill: never the other way */
        }
    }
    if (may_drive && fw->fresh[GATE_STEER]) {
        fw->out.steer_rad = steer_towards(fw, fw->value[GATE_STEER], dt_s);
    } else if (!limits[GATE_STEER].freeze) {
        fw->out.steer_rad = steer_towards(fw, limits[GATE_STEER].fallback, dt_s);
    }
    fw->out.armed = fw->armed;
}

void gate_fw_step(gate_fw *fw, uint32_t now_us, const gate_fw_inputs *in, gate_fw_outputs *out)
{
    uint32_t dt_us = fw->stepped ? now_us - fw->last_step_us : 0u;
    if (dt_us > 100000u) {
        dt_us = 100000u; /* a late step must not turn into a jump */
    }
    fw->stepped = 1;
    fw->last_step_us = now_us;
    fw->fault = find_fault(fw, in);
    fw->in = *in;
    watch_host(fw, now_us);
    watch_standstill(fw, now_us);
    arm_or_disarm(fw);
    drive_outputs(fw, now_us, (float)dt_us * 1e-6f);
    *out = fw->out;
    if (fw->connected) {
        gate_link_send_events(fw, now_us);
        /* 1 ms of slack: a period that equals the step's must not be missed by a hair. */
        if (now_us - fw->last_telemetry_us + 1000u >= fw->cfg.telemetry_ms * 1000u) {
            gate_link_send_telemetry(fw, now_us);
        }
    }
}
