/* The dictionary: what can be commanded and what is reported, in the words that the host reads.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gate_fw.h"

#include <string.h>

enum { KIND_OUTPUT = 0, KIND_TELEMETRY = 1 };
enum { TYPE_F32 = 0, TYPE_U8 = 1, TYPE_U32 = 2 };

typedef struct {
    const char *name;
    const char *unit;
    uint8_t type;
    float min;
    float max;
} gate_field;

static const char *const OUTPUT_NAME[GATE_OUTPUTS] = {"steer", "accel", "brake", "reverse"};
static const char *const OUTPUT_UNIT[GATE_OUTPUTS] = {"rad", "m/s2", "", ""};

/* The order is the order in TELEMETRY; gate_dict_telemetry writes the same one. */
static const gate_field TELEMETRY[] = {
    {"armed", "", TYPE_U8, 0.0f, 1.0f},
    {"estop", "", TYPE_U8, 0.0f, 1.0f},
    {"fault", "", TYPE_U8, 0.0f, 4.0f},
    {"brake_applied", "", TYPE_U8, 0.0f, 1.0f},
    {"standstill", "", TYPE_U8, 0.0f, 1.0f},
    {"load_present", "", TYPE_U8, 0.0f, 1.0f},
    {"host_timeout", "", TYPE_U8, 0.0f, 1.0f},
    {"reversing", "", TYPE_U8, 0.0f, 1.0f},
    {"disarm_cause", "", TYPE_U8, 0.0f, 5.0f},
    {"speed", "m/s", TYPE_F32, -20.0f, 20.0f},
    {"steer_angle", "rad", TYPE_F32, -1.6f, 1.6f},
    {"yaw_rate", "rad/s", TYPE_F32, -5.0f, 5.0f},
    {"battery", "%", TYPE_F32, 0.0f, 100.0f},
    {"steer_out", "rad", TYPE_F32, -1.6f, 1.6f},
    {"accel_out", "m/s2", TYPE_F32, -10.0f, 10.0f},
    {"clamped", "", TYPE_U32, 0.0f, 4294967040.0f},
    {"rx_refused", "", TYPE_U32, 0.0f, 4294967040.0f},
};

static uint8_t *put_text(uint8_t *at, const char *text)
{
    size_t len = strlen(text);
    *at++ = (uint8_t)len;
    memcpy(at, text, len);
    return at + len;
}

static uint8_t *put_entry(uint8_t *at, uint8_t kind, uint8_t id, uint8_t type,
                          const gate_output_limits *limits, const char *name, const char *unit)
{
    *at++ = kind;
    *at++ = id;
    *at++ = type;
    *at++ = limits->freeze;
    at = gate_put_u16(at, limits->hold_ms);
    at = gate_put_f32(at, limits->min);
    at = gate_put_f32(at, limits->max);
    at = gate_put_f32(at, limits->fallback);
    at = gate_put_f32(at, limits->rate_max);
    at = put_text(at, name);
    return put_text(at, unit);
}

size_t gate_dict_write(const gate_fw_config *cfg, uint8_t *at)
{
    uint8_t *start = at;
    uint8_t i;
    for (i = 0; i < GATE_OUTPUTS; i++) {
        at = put_entry(at, KIND_OUTPUT, i, TYPE_F32, &cfg->output[i], OUTPUT_NAME[i], OUTPUT_UNIT[i]);
    }
    for (i = 0; i < sizeof TELEMETRY / sizeof TELEMETRY[0]; i++) {
        gate_output_limits range = {0};
        range.min = TELEMETRY[i].min;
        range.max = TELEMETRY[i].max;
        at = put_entry(at, KIND_TELEMETRY, i, TELEMETRY[i].type, &range, TELEMETRY[i].name,
                       TELEMETRY[i].unit);
    }
    return (size_t)(at - start);
}

size_t gate_dict_telemetry(const gate_fw *fw, uint8_t *at)
{
    uint8_t *start = at;
    *at++ = fw->armed;
    *at++ = (uint8_t)(fw->in.estop != 0);
    *at++ = fw->fault;
    *at++ = fw->out.brake;
    *at++ = fw->standstill;
    *at++ = (uint8_t)(fw->in.load_present != 0);
    *at++ = fw->host_timeout;
    *at++ = fw->out.reverse;
    *at++ = fw->disarm_cause;
    at = gate_put_f32(at, fw->in.speed_mps);
    at = gate_put_f32(at, fw->in.steer_angle_rad);
    at = gate_put_f32(at, fw->in.yaw_rate_rps);
    at = gate_put_f32(at, fw->in.battery_pct);
    at = gate_put_f32(at, fw->out.steer_rad);
    at = gate_put_f32(at, fw->out.accel_mps2);
    at = gate_put_u32(at, fw->clamped);
    at = gate_put_u32(at, fw->rx_refused);
    return (size_t)(at - start);
}
