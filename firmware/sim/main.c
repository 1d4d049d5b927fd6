/* The controller as a process: firmware core between a host (tty or inherited descriptor) and a
 * plant (standard input and output). For the rig; real boards bring their own main.
 *
 *   gate_fw_sim HOST [RELAY]      each a tty's path, or fd:N for an inherited descriptor
 *
 * stdin:  sensor frames of 20 bytes: f32 speed, steer angle, yaw rate, battery; u8 load present,
 *         emergency stop, valid, line (0 HOST, 1 RELAY: a faulty cable stands between). Little endian.
 *         The newest counts.
 * stdout: after every step of 10 ms, 12 bytes: f32 steer, accel; u8 brake, armed, reverse, 0.
 * Ends when stdin ends, so that it never outlives the rig.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L
#include "gate_fw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SENSOR_LEN 20u
#define STEP_US 10000u
#define SENSOR_TIMEOUT_US 500000u /* a rig that stalls is no broken sensor */

static uint32_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

static int open_host(const char *where)
{
    struct termios raw;
    int inherited = strncmp(where, "fd:", 3) == 0;
    int fd = inherited ? atoi(where + 3) : open(where, O_RDWR | O_NOCTTY);
    if (fd < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) {
        return -1;
    }
    if (!inherited && tcgetattr(fd, &raw) == 0) {
        raw.c_iflag = 0;
        raw.c_oflag = 0;
        raw.c_lflag = 0;
        raw.c_cflag = CS8 | CREAD | CLOCAL;
        (void)cfsetispeed(&raw, B460800);
        (void)cfsetospeed(&raw, B460800);
        (void)tcsetattr(fd, TCSANOW, &raw);
    }
    return fd;
}

static void read_sensors(const uint8_t *frame, gate_fw_inputs *in)
{
    in->speed_mps = gate_get_f32(frame);
    in->steer_angle_rad = gate_get_f32(frame + 4);
    in->yaw_rate_rps = gate_get_f32(frame + 8);
    in->battery_pct = gate_get_f32(frame + 12);
    in->load_present = frame[16];
    in->estop = frame[17];
    in->valid = frame[18];
}

static int write_outputs(const gate_fw_outputs *out)
{
    uint8_t frame[12] = {0};
    (void)gate_put_f32(frame, out->steer_rad);
    (void)gate_put_f32(frame + 4, out->accel_mps2);
    frame[8] = out->brake;
    frame[9] = out->armed;
    frame[10] = out->reverse;
    return write(STDOUT_FILENO, frame, sizeof frame) == (ssize_t)sizeof frame || errno == EAGAIN;
}

int main(int argc, char **argv)
{
    static gate_fw fw;
    gate_fw_config cfg;
    gate_fw_inputs in;
    gate_fw_outputs out;
    uint8_t plant[SENSOR_LEN];
    uint8_t bytes[512];
    size_t plant_len = 0;
    uint32_t next_us;
    uint32_t sensors_at_us;
    int lines[2];
    int host;
    int i;
    if (argc != 2 && argc != 3) {
        (void)fprintf(stderr, "usage: gate_fw_sim HOST [RELAY]\n");
        return 2;
    }
    for (i = 1; i < argc; i++) {
        lines[i - 1] = open_host(argv[i]);
        if (lines[i - 1] < 0) {
            (void)fprintf(stderr, "gate_fw_sim: cannot open %s: %s\n", argv[i], strerror(errno));
            return 1;
        }
    }
    host = lines[0];
    memset(&in, 0, sizeof in);
    gate_fw_default_config(&cfg);
    gate_fw_init(&fw, &cfg);
    next_us = now_us();
    sensors_at_us = next_us;
    for (;;) {
        struct pollfd wait[2];
        uint32_t until_us = next_us - now_us();
        ssize_t got;
        wait[0].fd = STDIN_FILENO;
        wait[0].events = POLLIN;
        wait[1].fd = host;
        wait[1].events = POLLIN;
        wait[0].revents = wait[1].revents = 0;
        /* until_us is negative (wrapped) when the step is due; then poll must not wait. */
        (void)poll(wait, 2, until_us > STEP_US ? 0 : (int)((until_us + 999u) / 1000u));
        if (wait[0].revents) {
            got = read(STDIN_FILENO, plant + plant_len, SENSOR_LEN - plant_len);
            if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
                return 0;
            }
            plant_len += got > 0 ? (size_t)got : 0u;
            if (plant_len == SENSOR_LEN) {
                plant_len = 0;
                read_sensors(plant, &in);
                sensors_at_us = now_us();
                host = lines[argc == 3 && plant[19] != 0];
            }
        }
        if (wait[1].revents && wait[1].fd == host) {
            got = read(host, bytes, sizeof bytes);
            if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
                return 0;
            }
            for (i = 0; i < got; i++) {
                gate_fw_rx(&fw, bytes[i], now_us());
            }
        }
        if (now_us() - next_us < 0x80000000u) {
            size_t len;
            if (now_us() - sensors_at_us > SENSOR_TIMEOUT_US) {
                in.valid = 0;
            }
            gate_fw_step(&fw, now_us(), &in, &out);
            if (!write_outputs(&out)) {
                return 0;
            }
            while ((len = gate_fw_tx(&fw, bytes, sizeof bytes)) > 0) {
                if (write(host, bytes, len) != (ssize_t)len) {
                    break; /* nobody reads: what does not fit is lost, as on a real wire */
                }
            }
            next_us += STEP_US;
            if (now_us() - next_us < 0x80000000u && now_us() - next_us > STEP_US) {
                next_us = now_us(); /* we were stopped for a while: do not catch up */
            }
        }
    }
}
