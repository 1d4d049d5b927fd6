/* The drive controller's rules. It is the last of gatectl's hands on the vehicle: whatever the host
 * does, or stops doing, the vehicle ends braked. Supervisory software, not a certified safety
 * function: the hardwired emergency stop does not pass through here.
 *
 * Rules
 *  1. Boots silent: nothing is sent before a host says HELLO. Outputs are safe: brake on, accel 0,
 *     steering not moved.
 *  2. Only the outputs of the whitelist exist; each is clamped to its range and rate, and has its own
 *     time limit, after which it takes its fallback (steering: stays where it is).
 *  3. The host is silent when no valid COMMAND came for host_timeout_ms: brake, disarmed.
 *  4. Emergency stop, fault, host silence, new connection: disarmed. Disarmed: braked.
 *  5. Armed only by a COMMAND with enable = 1 whose reset count is above the one before it on this
 *     connection, while nothing stands against it; an edge that comes too early is used up. The first
 *     count of a connection, and the first after counts were withheld, is only the baseline.
 *  6. enable = 0 while armed: braked, stays armed.
 *  7. The direction of travel changes only at standstill and braked: while the commanded direction is
 *     not the engaged one the brake is on and acceleration 0. Each direction has its speed limit.
 *     Acceleration is along the engaged direction: positive is faster, backwards too.
 *  8. Frames that are corrupt, repeated, out of order, late, of another connection or that carry
 *     an unknown output, NaN or infinity change nothing and do not count as a heartbeat.
 *
 * Portable C99, no allocation; call all functions from one context.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GATE_FW_H
#define GATE_FW_H

#include "gate_wire.h"

#define GATE_FW_MAJOR 1u
#define GATE_FW_MINOR 1u
#define GATE_FW_PATCH 0u

#define GATE_RX_MAX 96u    /* encoded bytes of one frame to the controller */
#define GATE_FRAME_MAX 1024u /* bytes of one frame from the controller, before COBS */
#define GATE_TX_MAX 2048u

enum { GATE_STEER = 0, GATE_ACCEL = 1, GATE_BRAKE = 2, GATE_REVERSE = 3, GATE_OUTPUTS = 4 };

typedef enum {
    GATE_FAULT_NONE = 0,
    GATE_FAULT_OVERSPEED = 1,
    GATE_FAULT_SENSOR = 2,    /* a drive sensor is invalid or not finite */
    GATE_FAULT_DIRECTION = 3, /* rolls against the engaged direction */
    GATE_FAULT_CONFIG = 4     /* the configuration is refused: never arms */
} gate_fault;

typedef enum {
    GATE_DISARM_NONE = 0,
    GATE_DISARM_BOOT = 1,
    GATE_DISARM_CONNECTION = 2,
    GATE_DISARM_HOST_TIMEOUT = 3,
    GATE_DISARM_ESTOP = 4,
    GATE_DISARM_FAULT = 5,
    GATE_DISARM_INTENT = 6 /* only as the reason of a refused reset: enable was 0 */
} gate_disarm;

typedef enum {
    GATE_EVENT_ARMED = 1,
    GATE_EVENT_DISARMED = 2,        /* detail: gate_disarm */
    GATE_EVENT_RESET_REFUSED = 3,   /* detail: gate_disarm, what stands against it */
    GATE_EVENT_COMMAND_REFUSED = 4, /* detail: gate_refusal */
    GATE_EVENTS = 5
} gate_event;

typedef enum {
    GATE_REFUSED_LENGTH = 1,
    GATE_REFUSED_OUTPUT = 2, /* not in the whitelist, or twice */
    GATE_REFUSED_NUMBER = 3, /* NaN or infinity */
    GATE_REFUSED_LATE = 4
} gate_refusal;

typedef struct {
    float min;
    float max;
    float fallback;
    float rate_max;    /* per second; 0: not limited */
    uint16_t hold_ms;  /* how long one COMMAND holds this output */
    uint8_t freeze;    /* 1: instead of the fallback the output stays where it is */
} gate_output_limits;

typedef struct {
    gate_output_limits output[GATE_OUTPUTS];
    float speed_limit_mps;
    float reverse_limit_mps; /* the speed limit backwards */
    float overspeed_margin_mps;
    float rollback_mps;   /* speed against the engaged direction that is a fault */
    float standstill_mps;
    uint16_t standstill_ms;
    uint16_t host_timeout_ms;
    uint16_t forget_ms;   /* host silence after which the connection ends and we are silent too */
    uint16_t late_ms;     /* a COMMAND that took this much longer than the fastest is refused */
    uint16_t telemetry_ms;
} gate_fw_config;

typedef struct {
    float speed_mps;       /* negative backwards */
    float steer_angle_rad; /* left positive */
    float yaw_rate_rps;    /* left positive */
    float battery_pct;
    uint8_t load_present;
    uint8_t estop;         /* 1: pressed */
    uint8_t valid;         /* 0: the sensors do not answer */
} gate_fw_inputs;

typedef struct {
    float steer_rad;
    float accel_mps2; /* along the engaged direction */
    uint8_t brake;
    uint8_t armed;
    uint8_t reverse;  /* the engaged direction: 1 backwards */
} gate_fw_outputs;

typedef struct {
    gate_fw_config cfg;
    /* link */
    uint8_t rx[GATE_RX_MAX];
    size_t rx_len;
    uint8_t rx_overflow;
    uint8_t connected;
    uint8_t host_silent;
    uint32_t connection;
    uint16_t rx_sequence;
    uint16_t tx_sequence;
    uint32_t last_command_us;
    uint32_t echo_stamp_us;
    uint32_t echo_at_us;
    uint8_t transit_known;
    uint32_t transit_us;    /* smallest (our ticks - host's ticks), slowly forgetting */
    uint32_t transit_at_us;
    uint32_t rx_refused;    /* frames that were not accepted, whatever the reason */
    uint8_t frame[GATE_FRAME_MAX];
    uint8_t tx[GATE_TX_MAX];
    size_t tx_head;
    size_t tx_used;
    /* intent */
    uint8_t enable;
    uint8_t reset_known;
    uint8_t reset_edge;
    uint32_t reset_count;
    float value[GATE_OUTPUTS];
    uint8_t fresh[GATE_OUTPUTS];
    uint32_t value_at_us[GATE_OUTPUTS];
    /* state */
    uint8_t config_ok;
    uint8_t armed;
    uint8_t fault;
    uint8_t host_timeout;
    uint8_t disarm_cause;
    uint8_t stepped;
    uint8_t rate_limited;
    uint8_t changing; /* the commanded direction is not the engaged one */
    uint8_t slow;
    uint8_t standstill;
    uint32_t slow_since_us;
    uint32_t last_step_us;
    uint32_t last_telemetry_us;
    uint32_t clamped;
    gate_fw_inputs in;
    gate_fw_outputs out;
    uint8_t event_pending[GATE_EVENTS];
    uint8_t event_detail[GATE_EVENTS];
} gate_fw;

/* The configuration of the reference vehicle. */
void gate_fw_default_config(gate_fw_config *cfg);

/* CRC-32C over the configuration, the one that HELLO_ACK announces. */
uint32_t gate_fw_config_crc(const gate_fw_config *cfg);

/* Starts from nothing. A configuration that makes no sense is fault GATE_FAULT_CONFIG. */
void gate_fw_init(gate_fw *fw, const gate_fw_config *cfg);

/* One byte from the host. now_us: the controller's ticks, wrapping. */
void gate_fw_rx(gate_fw *fw, uint8_t byte, uint32_t now_us);

/* One control step (every 10 ms): sensors in, outputs out, telemetry queued. */
void gate_fw_step(gate_fw *fw, uint32_t now_us, const gate_fw_inputs *in, gate_fw_outputs *out);

/* Takes up to max queued bytes for the host; returns how many. */
size_t gate_fw_tx(gate_fw *fw, uint8_t *to, size_t max);

/* sizeof(gate_fw), for callers that only have the library. */
size_t gate_fw_size(void);

/* ---- between gate_fw.c and gate_link.c -------------------------------------------------------- */

void gate_fw_disarm(gate_fw *fw, gate_disarm cause);
void gate_fw_note(gate_fw *fw, gate_event event, uint8_t detail);
void gate_link_send_events(gate_fw *fw, uint32_t now_us);
void gate_link_send_telemetry(gate_fw *fw, uint32_t now_us);
/* Writes the dictionary to `at`; returns its length. */
size_t gate_dict_write(const gate_fw_config *cfg, uint8_t *at);
/* Writes the telemetry fields in the dictionary's order; returns their length. */
size_t gate_dict_telemetry(const gate_fw *fw, uint8_t *at);

#endif
