/* SPDX-License-Identifier: Apache-2.0 */
#include "gate_wire.h"

#include <string.h>

uint32_t gate_crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    size_t i;
    int bit;
    for (i = 0; i < len; i++) {
        crc ^= data[i];
        for (bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) ? 0x82F63B78u : 0u);
        }
    }
    return crc ^ 0xFFFFFFFFu;
}

size_t gate_cobs_encode(const uint8_t *in, size_t len, uint8_t *out)
{
    size_t code_at = 0;
    size_t at = 1;
    size_t i;
    uint8_t code = 1;
    for (i = 0; i < len; i++) {
        if (in[i] != 0) {
            out[at++] = in[i];
            code++;
        }
        /* A full run of 254 needs no further code byte when the data ends with it. */
        if (in[i] == 0 || (code == 0xFF && i + 1 < len)) {
            out[code_at] = code;
            code_at = at++;
            code = 1;
        }
    }
    out[code_at] = code;
    return at;
}

size_t gate_cobs_decode(uint8_t *buf, size_t len)
{
    size_t from = 0;
    size_t to = 0;
    while (from < len) {
        uint8_t code = buf[from++];
        uint8_t i;
        if (code == 0 || from + code - 1u > len) {
            return 0;
        }
        for (i = 1; i < code; i++) {
            if (buf[from] == 0) {
                return 0;
            }
            buf[to++] = buf[from++];
        }
        if (code != 0xFF && from < len) {
            buf[to++] = 0;
        }
    }
    return to;
}

int gate_frame_open(const uint8_t *frame, size_t len, gate_header *header)
{
    if (len < GATE_HEADER_LEN + GATE_CRC_LEN) {
        return 0;
    }
    if (gate_crc32c(frame, len - GATE_CRC_LEN) != gate_get_u32(frame + len - GATE_CRC_LEN)) {
        return 0;
    }
    header->version = frame[0];
    header->type = frame[1];
    header->sequence = gate_get_u16(frame + 2);
    header->connection = gate_get_u32(frame + 4);
    header->stamp_us = gate_get_u32(frame + 8);
    return 1;
}

size_t gate_frame_close(uint8_t *frame, const gate_header *header, size_t payload_len)
{
    size_t len = GATE_HEADER_LEN + payload_len;
    frame[0] = header->version;
    frame[1] = header->type;
    (void)gate_put_u16(frame + 2, header->sequence);
    (void)gate_put_u32(frame + 4, header->connection);
    (void)gate_put_u32(frame + 8, header->stamp_us);
    (void)gate_put_u32(frame + len, gate_crc32c(frame, len));
    return len + GATE_CRC_LEN;
}

uint8_t *gate_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value & 0xFFu);
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

uint8_t *gate_put_u32(uint8_t *at, uint32_t value)
{
    at = gate_put_u16(at, (uint16_t)(value & 0xFFFFu));
    return gate_put_u16(at, (uint16_t)(value >> 16));
}

uint8_t *gate_put_f32(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return gate_put_u32(at, bits);
}

uint16_t gate_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | (at[1] << 8));
}

uint32_t gate_get_u32(const uint8_t *at)
{
    return (uint32_t)gate_get_u16(at) | ((uint32_t)gate_get_u16(at + 2) << 16);
}

float gate_get_f32(const uint8_t *at)
{
    uint32_t bits = gate_get_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int gate_finite(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000u) != 0x7F800000u;
}
