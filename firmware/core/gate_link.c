/* Receiving and sending frames: what is accepted, and what is said.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "gate_fw.h"

#include <string.h>

#define FLAG_ENABLE 0x01u
#define FLAG_RESET_VALID 0x02u
#define COMMAND_HEAD 6u
#define COMMAND_ITEM 5u

static void queue(gate_fw *fw, const uint8_t *bytes, size_t len)
{
    size_t i;
    for (i = 0; i < len; i++) {
        fw->tx[(fw->tx_head + fw->tx_used++) % GATE_TX_MAX] = bytes[i];
    }
}

static void send(gate_fw *fw, gate_frame_type type, size_t payload_len, uint32_t now_us)
{
    static const uint8_t delimiter = 0;
    uint8_t encoded[GATE_COBS_MAX(GATE_FRAME_MAX)];
    gate_header header;
    size_t len;
    header.version = GATE_PROTOCOL_VERSION;
    header.type = (uint8_t)type;
    header.sequence = fw->tx_sequence++;
    header.connection = fw->connection;
    header.stamp_us = now_us;
    len = gate_frame_close(fw->frame, &header, payload_len);
    len = gate_cobs_encode(fw->frame, len, encoded);
    /* A frame that does not fit is left out whole; the host sees the gap in the sequence. */
    if (fw->tx_used + len + 1u <= GATE_TX_MAX) {
        queue(fw, encoded, len);
        queue(fw, &delimiter, 1);
    }
}

size_t gate_fw_tx(gate_fw *fw, uint8_t *to, size_t max)
{
    size_t n = 0;
    while (n < max && fw->tx_used > 0) {
        to[n++] = fw->tx[fw->tx_head];
        fw->tx_head = (fw->tx_head + 1u) % GATE_TX_MAX;
        fw->tx_used--;
    }
    return n;
}

void gate_link_send_telemetry(gate_fw *fw, uint32_t now_us)
{
    uint8_t *payload = fw->frame + GATE_HEADER_LEN;
    (void)gate_put_u32(payload, fw->echo_stamp_us);
    (void)gate_put_u32(payload + 4, now_us - fw->echo_at_us);
    fw->last_telemetry_us = now_us;
    send(fw, GATE_TELEMETRY, 8u + gate_dict_telemetry(fw, payload + 8), now_us);
}

void gate_link_send_events(gate_fw *fw, uint32_t now_us)
{
    uint8_t event;
    for (event = 1; event < GATE_EVENTS; event++) {
        if (fw->event_pending[event]) {
            fw->event_pending[event] = 0;
            fw->frame[GATE_HEADER_LEN] = event;
            fw->frame[GATE_HEADER_LEN + 1u] = fw->event_detail[event];
            send(fw, GATE_EVENT, 2u, now_us);
        }
    }
}

static void acknowledge(gate_fw *fw, uint32_t now_us)
{
    uint8_t *payload = fw->frame + GATE_HEADER_LEN;
    size_t len = gate_dict_write(&fw->cfg, payload + 14);
    payload[0] = GATE_FW_MAJOR;
    payload[1] = GATE_FW_MINOR;
    payload[2] = GATE_FW_PATCH;
    payload[3] = 0;
    (void)gate_put_u32(payload + 4, gate_fw_config_crc(&fw->cfg));
    (void)gate_put_u32(payload + 8, gate_crc32c(payload + 14, len));
    (void)gate_put_u16(payload + 12, (uint16_t)len);
    send(fw, GATE_HELLO_ACK, 14u + len, now_us);
}

static int on_hello(gate_fw *fw, const gate_header *header, size_t payload_len, uint32_t now_us)
{
    if (payload_len != 0) {
        return 0;
    }
    if (!fw->connected || header->connection != fw->connection) {
        gate_fw_disarm(fw, GATE_DISARM_CONNECTION);
        fw->connected = 1;
        fw->connection = header->connection;
        fw->tx_sequence = 0;
        fw->last_command_us = now_us;
        fw->enable = 0;
        fw->reset_known = 0;
        fw->reset_edge = 0;
        fw->transit_known = 0;
        memset(fw->fresh, 0, sizeof fw->fresh);
        memset(fw->event_pending, 0, sizeof fw->event_pending);
    }
    fw->rx_sequence = header->sequence;
    acknowledge(fw, now_us);
    return 1;
}

/* How much longer this frame took than the fastest of the connection. The two clocks may drift: the
 * fastest is forgotten at 1/1024, far more than any quartz drifts. */
static int is_late(gate_fw *fw, uint32_t stamp_us, uint32_t now_us)
{
    uint32_t transit = now_us - stamp_us;
    if (!fw->transit_known) {
        fw->transit_known = 1;
        fw->transit_us = transit;
    } else {
        fw->transit_us += (now_us - fw->transit_at_us) / 1024u;
    }
    fw->transit_at_us = now_us;
    if (transit - fw->transit_us > 0x7FFFFFFFu) {
        fw->transit_us = transit; /* faster than ever */
    }
    return transit - fw->transit_us > fw->cfg.late_ms * 1000u;
}

static int check_command(const uint8_t *payload, size_t len)
{
    uint8_t seen[GATE_OUTPUTS] = {0};
    size_t i;
    if (len < COMMAND_HEAD || len != COMMAND_HEAD + payload[1] * COMMAND_ITEM) {
        return GATE_REFUSED_LENGTH;
    }
    for (i = COMMAND_HEAD; i < len; i += COMMAND_ITEM) {
        if (payload[i] >= GATE_OUTPUTS || seen[payload[i]]++) {
            return GATE_REFUSED_OUTPUT;
        }
        if (!gate_finite(gate_get_f32(payload + i + 1))) {
            return GATE_REFUSED_NUMBER;
        }
    }
    return 0;
}

static void take_output(gate_fw *fw, uint8_t id, float value, uint32_t now_us)
{
    const gate_output_limits *limits = &fw->cfg.output[id];
    if (value < limits->min || value > limits->max) {
        value = value < limits->min ? limits->min : limits->max;
        fw->clamped++;
    }
    fw->value[id] = value;
    fw->value_at_us[id] = now_us;
    fw->fresh[id] = 1;
}

static int on_command(gate_fw *fw, const gate_header *header, const uint8_t *payload, size_t len,
                      uint32_t now_us)
{
    int refusal = check_command(payload, len);
    size_t i;
    if (!refusal && is_late(fw, header->stamp_us, now_us)) {
        refusal = GATE_REFUSED_LATE;
    }
    if (refusal) {
        gate_fw_note(fw, GATE_EVENT_COMMAND_REFUSED, (uint8_t)refusal);
        return 0;
    }
    fw->last_command_us = now_us;
    fw->host_silent = 0;
    fw->enable = (uint8_t)(payload[0] & FLAG_ENABLE);
    if (payload[0] & FLAG_RESET_VALID) {
        uint32_t count = gate_get_u32(payload + 2);
        if (fw->reset_known && count > fw->reset_count) {
            if (fw->enable) {
                fw->reset_edge = 1;
            } else {
                gate_fw_note(fw, GATE_EVENT_RESET_REFUSED, GATE_DISARM_INTENT);
            }
        }
        fw->reset_count = count;
        fw->reset_known = 1;
    } else {
        fw->reset_known = 0;
    }
    for (i = COMMAND_HEAD; i < len; i += COMMAND_ITEM) {
        take_output(fw, payload[i], gate_get_f32(payload + i + 1), now_us);
    }
    return 1;
}

static int on_frame(gate_fw *fw, size_t encoded_len, uint32_t now_us)
{
    gate_header header;
    const uint8_t *payload = fw->rx + GATE_HEADER_LEN;
    size_t len = gate_cobs_decode(fw->rx, encoded_len);
    size_t payload_len;
    int known;
    if (!gate_frame_open(fw->rx, len, &header) || header.version != GATE_PROTOCOL_VERSION) {
        return 0;
    }
    payload_len = len - GATE_HEADER_LEN - GATE_CRC_LEN;
    known = fw->connected && header.connection == fw->connection;
    /* Newer than the last one accepted: 1 .. 32767 ahead, wrapping. */
    if (known && (uint16_t)(header.sequence - fw->rx_sequence - 1u) >= 0x7FFFu) {
        return 0;
    }
    if (header.type == GATE_HELLO) {
        known = on_hello(fw, &header, payload_len, now_us);
    } else if (known && header.type == GATE_COMMAND) {
        fw->rx_sequence = header.sequence;
        known = on_command(fw, &header, payload, payload_len, now_us);
    } else {
        known = 0;
    }
    if (known) {
        fw->echo_stamp_us = header.stamp_us;
        fw->echo_at_us = now_us;
    }
    return known;
}

void gate_fw_rx(gate_fw *fw, uint8_t byte, uint32_t now_us)
{
    if (byte != 0) {
        if (fw->rx_len < GATE_RX_MAX) {
            fw->rx[fw->rx_len++] = byte;
        } else {
            fw->rx_overflow = 1;
        }
        return;
    }
    if (fw->rx_overflow || (fw->rx_len > 0 && !on_frame(fw, fw->rx_len, now_us))) {
        fw->rx_refused++;
    }
    fw->rx_len = 0;
    fw->rx_overflow = 0;
}
