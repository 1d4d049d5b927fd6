"""The client against a caster that says what the test wants it to say."""

import asyncio

import pytest
from device_port import eventually
from ntrip_bench import HERE, ClientBench
from ntrip_casters import EXAMPLE_1005, HOST, ScriptedCaster, frame_1005, free_port

from gatectl.model.errors import DeviceError

TABLE = (
    b"SOURCETABLE 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    b"STR;FAR;a;RTCM 3.2;1077(1);2;GPS;N;VNM;22.20;106.90;1;0;x;none;B;N;0;\r\n"
    b"STR;NEAR;a;RTCM 3.2;1077(1);2;GPS;N;VNM;21.95;106.70;1;0;x;none;B;N;0;\r\n"
    b"ENDSOURCETABLE\r\n"
)


async def stream(visit):
    """A v1 caster with one good frame, which then only listens."""
    await visit.send(b"ICY 200 OK\r\n" + EXAMPLE_1005)
    await visit.listen()


def says(answer: bytes):
    async def script(visit):
        await visit.send(answer)

    return script


async def test_chunks_that_cut_frames_in_pieces_are_put_together():
    frames = [frame_1005(n) for n in range(40)]
    data = b"".join(frames)
    coded = b"".join(
        b"%x\r\n%b\r\n" % (len(data[i : i + 7]), data[i : i + 7]) for i in range(0, len(data), 7)
    )

    async def script(visit):
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: gnss/data\r\n\r\n")
        await visit.send(coded, piece=5)
        await visit.listen()

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: len(bench.frames) == 40, "40 frames")
        assert bench.frames == frames
        assert bench.status.messages == {1005: 40}
        assert bench.status.rejected.total() == 0
        assert bench.client.bytes_per_s() == len(data) / 5


async def test_only_frames_are_forwarded_whatever_else_the_caster_sends():
    async def script(visit):
        await visit.send(b"ICY 200 OK\r\nServer: x\r\n\r\n$PASHR,RST*20\r\n" + EXAMPLE_1005 + b"unlogall\r\n")
        await visit.send(EXAMPLE_1005[:-1] + b"\x00" + EXAMPLE_1005)
        await visit.listen()

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: len(bench.frames) >= 2, "two frames")
        assert bench.frames == [EXAMPLE_1005] * 2
        assert bench.status.rejected["crc"] >= 1  # the damaged frame has a preamble in its message too


async def test_an_unknown_mount_point_names_the_known_ones():
    async with ScriptedCaster(says(TABLE)) as caster, ClientBench(caster.port, "LANGSON") as bench:
        await eventually(lambda: bench.status.failures > 0, "refused")
        level, text = bench.said[0]
        assert level == "warning"
        assert "has no mount point 'LANGSON'" in text
        assert "it has: FAR, NEAR" in text
        assert bench.frames == []


async def test_a_v2_caster_that_says_404_is_asked_for_its_table():
    async def script(visit):
        head = visit.request.splitlines()[0]
        if head.startswith("GET / "):
            await visit.send(TABLE.replace(b"SOURCETABLE 200 OK", b"HTTP/1.1 200 OK", 1))
        else:
            await visit.send(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: bench.heard("it has: FAR, NEAR"), "names")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "needs ntrip.username"),
        (b"ERROR - Bad Password\r\n", "needs ntrip.username"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "ask its operator for the right"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>", "a web page"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "too many users"),
        (b"SSH-2.0-OpenSSH_9\r\n", "not NTRIP"),
        (b"", "closed the connection without an answer"),
    ],
)
async def test_refusals_say_what_to_do_and_are_tried_again(answer, text):
    async with ScriptedCaster(says(answer)) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: len(caster.visits) >= 3, "tried three times")
        assert bench.heard(text), bench.said
        assert bench.frames == []


async def test_a_settled_refusal_waits_for_the_limit_and_an_outage_begins_short():
    pauses = []
    for answer in (b"HTTP/1.1 401 Unauthorized\r\n\r\n", b"HTTP/1.1 500 Oops\r\n\r\n"):
        async with ScriptedCaster(says(answer)) as caster:
            bench = ClientBench(caster.port, backoff_first_s=1.0, backoff_limit_s=64.0)
            bench.client._chance = lambda: 0.0
            failed = bench.client._failed
            waits: list[float] = []

            def note(error, failed=failed, waits=waits):
                waits.append(failed(error))
                return 0.0

            bench.client._failed = note
            async with bench:
                await eventually(lambda waits=waits: len(waits) >= 8, "eight failures")
            pauses.append(waits[:8])
    assert pauses[0] == [64.0] * 8
    assert pauses[1] == [1, 2, 4, 8, 16, 32, 64, 64]


async def test_the_pause_is_shortened_at_random_by_up_to_a_half():
    bench = ClientBench(free_port(), backoff_first_s=8.0, backoff_limit_s=8.0)
    pauses = [bench.client._failed(DeviceError("broken", "mend it")) for _ in range(200)]
    assert all(4.0 <= pause <= 8.0 for pause in pauses)
    assert max(pauses) - min(pauses) > 2.0


async def test_the_end_of_the_stream_is_an_outage_that_mends_itself():
    async def script(visit):
        await visit.send(b"ICY 200 OK\r\n" + EXAMPLE_1005)

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: len(bench.frames) >= 4, "four connections")
        assert bench.status.connects == len(bench.frames)
        assert bench.heard("closed the connection")


async def test_silence_and_noise_are_outages_too():
    async def script(visit):
        await visit.send(b"ICY 200 OK\r\n" + EXAMPLE_1005)
        while len(caster.visits) == 2:
            await visit.send(b"\xd3\x00\x13 noise")
            await asyncio.sleep(0.02)
        await visit.listen()

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: len(caster.visits) >= 3, "a third connection")
        assert bench.heard("no RTCM 3 frame from BASE for 0.6 s")
        assert bench.heard("bytes of something else")


async def test_the_position_goes_up_only_while_it_is_valid():
    slow = {"inactivity_timeout_s": 20.0}
    async with ScriptedCaster(stream) as caster, ClientBench(caster.port, place=None, **slow) as bench:
        await eventually(lambda: bench.frames, "connected")
        await asyncio.sleep(0.3)
        visit = caster.visits[0]
        assert "GGA" not in visit.request
        assert visit.received == b""
        bench.place = HERE
        await eventually(lambda: visit.received.count(b"\r\n") >= 2, "two positions")
        assert visit.received.startswith(b"$GPGGA,120000.00,2158.5600000,N,10642.7200000,E,1,18,")
        bench.place = None
        sent = bench.status.positions_sent
        await asyncio.sleep(0.3)
        assert bench.status.positions_sent == sent


async def test_no_position_is_sent_where_none_is_wanted():
    async with ScriptedCaster(stream) as caster, ClientBench(caster.port, gga_interval_s=0):
        await eventually(lambda: len(caster.visits) >= 2, "silence was noticed")
        assert all("GGA" not in v.request and not v.received for v in caster.visits)


async def test_a_caster_that_waits_for_our_position_is_not_given_up():
    async def script(visit):
        await visit.send(b"ICY 200 OK\r\n")
        await visit.listen(until=b"\r\n")
        await visit.send(EXAMPLE_1005)
        await visit.listen()

    async with ScriptedCaster(script) as caster, ClientBench(caster.port, place=None) as bench:
        await asyncio.sleep(1.0)  # longer than the inactivity time-out
        assert len(caster.visits) == 1
        bench.place = HERE
        await eventually(lambda: bench.frames, "corrections")
        assert len(caster.visits) == 1
        assert bench.status.failures == 0


async def test_version_2_is_tried_first_and_1_if_that_is_not_understood():
    async def script(visit):
        if "Ntrip-Version: Ntrip/2.0" not in visit.request:
            await stream(visit)

    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: bench.frames, "corrections")
        assert [v.request.split("\r\n")[0] for v in caster.visits[:2]] == [
            "GET /BASE HTTP/1.1",
            "GET /BASE HTTP/1.0",
        ]
        assert bench.status.version == 1


@pytest.mark.parametrize("version", [1, 2])
async def test_a_version_that_is_configured_is_kept(version):
    async with ScriptedCaster(says(b"")) as caster, ClientBench(caster.port, version=version):
        await eventually(lambda: len(caster.visits) >= 3, "three visits")
        assert len({v.request for v in caster.visits if "GGA" not in v.request} | {""}) <= 2
        assert all(("Ntrip/2.0" in v.request) == (version == 2) for v in caster.visits)


async def test_the_nearest_mount_point_is_taken_once_the_position_is_known():
    async def script(visit):
        await (visit.send(TABLE) if "GET / " in visit.request else stream(visit))

    async with ScriptedCaster(script) as caster, ClientBench(caster.port, "nearest", place=None) as bench:
        await asyncio.sleep(0.3)
        assert caster.visits == []
        assert bench.heard("waits for the receiver's position")
        bench.place = HERE
        await eventually(lambda: bench.frames, "corrections")
        assert bench.status.mount == "NEAR"
        assert bench.heard("nearest mount point: NEAR, 3.1 km away")


async def test_a_redirect_is_followed_but_takes_no_password_along(tmp_path):
    (tmp_path / "pw").write_text("secret\n")
    async with ScriptedCaster(stream) as there:
        answer = f"HTTP/1.1 302 Found\r\nLocation: http://{HOST}:{there.port}/OTHER\r\n\r\n".encode()
        async with (
            ScriptedCaster(says(answer)) as here,
            ClientBench(here.port, base_dir=str(tmp_path), username="lan", password_file="pw") as bench,
        ):
            await eventually(lambda: bench.frames, "corrections")
            assert "Authorization: Basic" in here.visits[0].request
            assert "GET /OTHER" in there.visits[0].request
            assert "Authorization" not in there.visits[0].request


async def test_a_circle_of_redirects_ends():
    script = says(b"HTTP/1.1 302 Found\r\nLocation: /BASE\r\n\r\n")
    async with ScriptedCaster(script) as caster, ClientBench(caster.port) as bench:
        await eventually(lambda: bench.heard("redirects more than 3 times"), "told")


async def test_nobody_there_is_told_and_mends_itself():
    port = free_port()
    async with ClientBench(port) as bench:
        await eventually(lambda: bench.status.failures >= 3, "three attempts")
        assert bench.heard("cannot connect: Connection refused")
        caster = ScriptedCaster(stream)
        caster.port = port
        async with caster:
            await eventually(lambda: bench.frames, "corrections")


async def test_a_name_that_is_not_found_is_told():
    async with ClientBench(2101, host="caster.invalid") as bench:
        await eventually(lambda: bench.status.failures >= 1, "an attempt", within_s=10)
        assert bench.heard("its name is not found")


async def test_the_password_is_read_anew_and_never_told(tmp_path):
    secret = tmp_path / "pw"
    secret.write_text("wrong-secret\n")

    async def script(visit):
        if "bGFuOnJpZ2h0" in visit.request:  # lan:right
            await stream(visit)
        else:
            await visit.send(b"HTTP/1.1 401 Unauthorized\r\n\r\n")

    config = {"username": "lan", "password_file": "pw", "base_dir": str(tmp_path)}
    async with ScriptedCaster(script) as caster, ClientBench(caster.port, **config) as bench:
        await eventually(lambda: bench.status.failures >= 2, "refused")
        assert bench.heard("check ntrip.username and the first line of ntrip.password_file")
        secret.unlink()
        await eventually(lambda: bench.heard("pw cannot be read"), "told")
        secret.write_text("right\n")
        await eventually(lambda: bench.frames, "corrections")
        assert not bench.heard("secret")
