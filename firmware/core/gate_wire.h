/* The bytes of the link: COBS, CRC-32C, little-endian fields.
 *
 * The format is described in docs/firmware-protocol.md. Portable C99, no allocation.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GATE_WIRE_H
#define GATE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define GATE_PROTOCOL_VERSION 1u
#define GATE_HEADER_LEN 12u
#define GATE_CRC_LEN 4u
#define GATE_COBS_MAX(n) ((n) + (n) / 254u + 1u)

typedef enum {
    GATE_HELLO = 1,     /* host -> controller: opens a connection */
    GATE_HELLO_ACK = 2, /* controller -> host: versions, CRCs, dictionary */
    GATE_COMMAND = 3,   /* host -> controller: heartbeat with intent */
    GATE_TELEMETRY = 4, /* controller -> host: state */
    GATE_EVENT = 5      /* controller -> host: something happened */
} gate_frame_type;

typedef struct {
    uint8_t version;
    uint8_t type;
    uint16_t sequence;
    uint32_t connection;
    uint32_t stamp_us; /* the sender's ticks */
} gate_header;

/* CRC-32C (Castagnoli, reflected, init and xorout 0xFFFFFFFF). */
uint32_t gate_crc32c(const uint8_t *data, size_t len);

/* Encodes len bytes into out (room: GATE_COBS_MAX(len)); returns the length without delimiter. */
size_t gate_cobs_encode(const uint8_t *in, size_t len, uint8_t *out);

/* Decodes in place; returns the decoded length, or 0 if the bytes are no COBS frame. */
size_t gate_cobs_decode(uint8_t *buf, size_t len);

/* Checks the CRC and reads the header of a decoded frame. Returns 0 if it is no frame. */
int gate_frame_open(const uint8_t *frame, size_t len, gate_header *header);

/* Writes the header in front of payload_len bytes that already stand at frame + GATE_HEADER_LEN,
 * appends the CRC and returns the length of the frame before COBS. */
size_t gate_frame_close(uint8_t *frame, const gate_header *header, size_t payload_len);

/* Little-endian fields; put returns the position behind the field. */
uint8_t *gate_put_u16(uint8_t *at, uint16_t value);
uint8_t *gate_put_u32(uint8_t *at, uint32_t value);
uint8_t *gate_put_f32(uint8_t *at, float value);
uint16_t gate_get_u16(const uint8_t *at);
uint32_t gate_get_u32(const uint8_t *at);
float gate_get_f32(const uint8_t *at);

/* 0 for NaN and infinities. */
int gate_finite(float value);

#endif
