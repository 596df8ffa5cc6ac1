#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""exporter.py EXPORTER SLEEPERS GROUP DIR SCRAPES: the exporter from outside, by how much there is to show.

Control groups named as containerd names those of pods, with processes in them that wake up every 5 s, and links to their
log files under DIR, from which their names come. For each number of them:

first      from start to the first page on which a workload has used something, asked for every 10 ms
minute     CPU time of all its threads, without anybody asking, of a minute: IDLE_S are measured
resident   then; after somebody has collected the page in the form that Prometheus asks for; and at most while he did,
           and while somebody else asked for it without compression
scrape     from the request to the last byte of the page, over loopback, on a connection that stays; each of another
           reading, at any time in it; and the CPU time that it took the exporter. Those with and without compression
           and those of the floor take turns: the floor is a process that has bytes, as many, ready to send.

What is compared to a goal is a ratio; more than 1: it was not reached."""
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

EXPORTER, SLEEPERS, GROUP, DIR, SCRAPES = sys.argv[1:5] + [int(sys.argv[5])]
IDLE_S = 10
INTERVAL_S = 0.2  # while it is scraped, so that many readings are seen in little time; else the 1 s that it has anyway
MIB = 1048576.0


def result(name, value, unit):
    print(f"{name} {value:.2f} {unit}", flush=True)


def goal(name, value, most, unit, factor=1):
    """Of the value, in `unit`, times factor for people to read."""
    text = f"{most * factor:.2f}".rstrip("0").rstrip(".")
    result(f"{name}_to_goal_of_{text}_{unit}", value / most, "ratio")


def part(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Client:
    """A connection that stays, and room for what comes."""

    room = bytearray(1 << 20)

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, encoding, keep=False):
        """Seconds, status, bytes of the body, and the body if it is to be kept."""
        body = []
        start = time.perf_counter()
        self.socket.sendall(f"GET /metrics HTTP/1.1\r\nHost: node\r\nAccept-Encoding: {encoding}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError("the connection was closed")
            head += more
        head, rest = head.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        if keep:
            body.append(rest)
        got = len(rest)
        while got < length:
            n = self.socket.recv_into(self.room)
            if n == 0:
                raise EOFError("the connection was closed")
            if keep:
                body.append(bytes(self.room[:n]))
            got += n
        return time.perf_counter() - start, int(head.split()[1]), length, b"".join(body)


class Exporter:
    def __init__(self, options):
        self.port = free_port()
        self.log = open(os.path.join(DIR, "log"), "w+b")
        self.start = time.perf_counter()
        self.process = subprocess.Popen(
            [EXPORTER, "--web.listen-address", f"127.0.0.1:{self.port}", "--path.rootfs", DIR] + options, stderr=self.log)
        while True:
            try:
                self.client = Client(self.port)
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    self.log.seek(0)
                    sys.exit(f"the exporter ended:\n{self.log.read().decode()}")
                time.sleep(0.001)

    def first(self):
        used = re.compile(rb"^kepler_container_bpf_cpu_time_ms_total\{[^}]*\} (?!0$)", re.M)
        while True:
            _, status, _, body = self.client.get("identity", keep=True)
            if status == 200 and used.search(body):
                return time.perf_counter() - self.start
            time.sleep(0.01)

    def wait_for(self, metric, n):
        """Until as many are on the page."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            body = self.client.get("identity", keep=True)[3]
            found = len(re.findall(rb"^" + metric + rb"\{[^}]*container_id=\"[0-9a-f]{64}\"", body, re.M))
            if found >= n:
                return
            time.sleep(0.5)
        sys.exit(f"only {found} of {n} are on the page")

    def cpu_s(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def memory(self, row):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(row + r":\s+(\d+) kB", f.read()).group(1)) / 1024

    def forget_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as f:
            f.write("5")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def serve_floor(listener, length):
    body = b"x" * length
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while connection.recv(65536):
        connection.sendall(answer)
        connection.sendall(body)
    os._exit(0)


class Floor:
    def __init__(self, length):
        listener = socket.create_server(("127.0.0.1", 0))
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve_floor(listener, length)
        self.client = Client(listener.getsockname()[1])
        listener.close()

    def stop(self):
        self.client.socket.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def make_groups(n):
    """Directories of n containers, one to a pod, and the links that name them."""
    links = os.path.join(DIR, "var/log/containers")
    os.makedirs(links)
    made = []
    for i in range(n):
        container = hashlib.sha256(str(i).encode()).hexdigest()
        uid = hashlib.md5(str(i).encode()).hexdigest()
        uid = "-".join((uid[:8], uid[8:12], uid[12:16], uid[16:20], uid[20:]))
        made.append(f"{GROUP}/kubepods/burstable/pod{uid}/{container}")
        os.makedirs(made[-1])
        os.symlink("/var/log/pods/x/server/0.log",
                   f"{links}/service-{i}-6d4b75cb6d-hq9xp_production_server-{container}.log")
    return made


def drop_groups(made):
    for path in made:
        for _ in range(100):  # who was in it goes in his own time
            try:
                os.rmdir(path)
                os.rmdir(os.path.dirname(path))
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.1)
    shutil.rmtree(os.path.join(DIR, "var"))


def scrapes(what, exporter, goal_s):
    """The forms of the page and their floors, in turns."""
    forms = ("identity", "gzip")
    lengths = {form: exporter.client.get(form)[2] for form in forms}
    floors = {form: Floor(lengths[form]) for form in forms}
    seconds = {(who, form): [] for who in ("page", "floor") for form in forms}
    cpu = {form: [] for form in forms}
    peak = {form: 0 for form in forms}
    for _ in range(SCRAPES):
        for form in forms:
            time.sleep(INTERVAL_S * (1.1 + random.random()))
            seconds["floor", form].append(floors[form].client.get(form)[0])
            exporter.forget_peak()
            before = exporter.cpu_s()
            took, _, lengths[form], _ = exporter.client.get(form)
            cpu[form].append(exporter.cpu_s() - before)
            peak[form] = max(peak[form], exporter.memory("VmHWM"))
            seconds["page", form].append(took)
    for form in forms:
        floors[form].stop()
        name = f"scrape_{what}" + ("" if form == "identity" else "_gzip")
        result(f"{name}_size", lengths[form] / 1e6, "MB")
        for percent in (50, 99):
            result(f"{name}_p{percent}", part(seconds["page", form], percent) * 1e3, "ms")
            result(f"{name}_floor_p{percent}", part(seconds["floor", form], percent) * 1e3, "ms")
        result(f"{name}_p50_to_floor", part(seconds["page", form], 50) / part(seconds["floor", form], 50), "ratio")
        result(f"{name}_cpu", part(cpu[form], 50) * 1e3, "ms")
        if goal_s:
            goal(f"{name}_p99", part(seconds["page", form], 99), goal_s, "ms", 1e3)
    return peak


def measure(containers, processes, minute_s=None, scrape_s=None, resident_mib=None):
    what = f"{processes}_processes" if processes else f"{containers}_containers"
    made = make_groups(containers)
    sleepers = subprocess.Popen([SLEEPERS, "5000", str(processes // containers if processes else 1)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sleepers.stdin.write("".join(path + "\n" for path in made).encode())
    sleepers.stdin.close()
    exporter = None
    try:
        if sleepers.stdout.readline() != b"ready\n":
            sys.exit("the processes could not be started")
        options = ["--metrics.processes"] if processes else []
        shown = (b"kepler_process_bpf_cpu_time_ms_total", processes) if processes else \
            (b"kepler_container_bpf_cpu_time_ms_total", containers)
        exporter = Exporter(options)
        first = exporter.first()
        exporter.wait_for(*shown)
        time.sleep(2)
        before, start = exporter.cpu_s(), time.perf_counter()
        time.sleep(IDLE_S)
        minute = (exporter.cpu_s() - before) / (time.perf_counter() - start) * 60
        idle = exporter.memory("VmRSS")
        exporter.client.get("gzip")
        time.sleep(2.5)
        collected = exporter.memory("VmRSS")
        exporter.stop()
        exporter = Exporter(options + ["--interval", f"{INTERVAL_S * 1000:.0f}ms"])
        exporter.wait_for(*shown)
        result(f"first_{what}", first, "s")
        goal(f"first_{what}", first, 1.2, "s")
        result(f"minute_{what}", minute, "cpu_s")
        if minute_s:
            goal(f"minute_{what}", minute, minute_s, "cpu_s")
        result(f"resident_{what}", idle, "MiB")
        result(f"resident_{what}_collected", collected, "MiB")
        if resident_mib:
            goal(f"resident_{what}_collected", collected, resident_mib, "MiB")
        peak = scrapes(what, exporter, scrape_s)
        for form, value in peak.items():
            name = f"resident_{what}_most" + ("" if form == "identity" else "_gzip")
            result(name, value, "MiB")
            if resident_mib:
                goal(name, value, resident_mib, "MiB")
    finally:
        if exporter:
            exporter.stop()
        sleepers.kill()
        sleepers.wait()
        drop_groups(made)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
print(f"# a minute without scrapes: {IDLE_S} s of it are measured; scrapes: {SCRAPES} of each form, one every "
      f"{INTERVAL_S * 1.1:.1f} to {INTERVAL_S * 2.1:.1f} s, p99 of so few is nearly the longest")
measure(200, 0)
measure(2000, 0, scrape_s=0.005, resident_mib=12)
measure(200, 1000, minute_s=0.06, scrape_s=0.005)
measure(200, 5000, minute_s=0.3, scrape_s=0.02)
