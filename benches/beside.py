"""What the comparisons share: a private Dovecot with mail in it, and the kernel's figures of a program's run."""

import argparse
import contextlib
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

USER, PASSWORD = "bench", "bench"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def dovecot(folder, port, protocol):
    key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    config = f"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = {protocol}
listen = 127.0.0.1
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
mail_location = sdbox:{folder}/box/%u
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
auth_mechanisms = plain
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%u
}}
service {protocol}-login {{
  inet_listener {protocol} {{
    port = 0
  }}
  inet_listener {protocol}s {{
    port = {port}
    ssl = yes
  }}
}}
"""
    with open(f"{folder}/dovecot.conf", "w") as file:
        file.write(config)
    os.makedirs(f"{folder}/home", exist_ok=True)
    os.makedirs(f"{folder}/box", exist_ok=True)
    parts = [f"{folder}/{part}" for part in ("mail", "box", "home")]
    subprocess.run(["chown", "-R", "nobody:nogroup", *parts], check=True)
    os.chmod(folder, 0o755)
    server = subprocess.Popen(["dovecot", "-F", "-c", f"{folder}/dovecot.conf"])
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def fill(folder, count, average):
    """Messages of exponentially distributed size, the same at every run."""
    rng = random.Random(1)
    words = ["%x" % rng.getrandbits(40) for _ in range(4000)]
    text = " ".join(rng.choice(words) for _ in range(150_000))
    for part in ("cur", "new", "tmp"):
        os.makedirs(f"{folder}/mail/{USER}/{part}")
    total = 0
    for number in range(count):
        size = max(300, min(400_000, int(rng.expovariate(1 / average))))
        start = rng.randrange(len(text) - size) if size < len(text) else 0
        body = text[start:start + size]
        lines = "\n".join(body[at:at + 76] for at in range(0, len(body), 76))
        message = (f"From: Sender {number} <s{number}@example.org>\nTo: me@example.org\nSubject: Message {number}\n"
                   f"Message-ID: <{number}@bench.example>\nMIME-Version: 1.0\n"
                   f"Content-Type: text/plain; charset=us-ascii\n\n{lines}\n").encode()
        total += len(message)
        suffix = ":2,S" if number % 3 else ":2,"
        with open(f"{folder}/mail/{USER}/cur/{1700000000 + number}.M{number}P1.bench{suffix}", "wb") as file:
            file.write(message)
    return total


def take_in(folder):
    """Into the server's own format, in which a mailbox of this size costs it little to open."""
    subprocess.run(["doveadm", "-c", f"{folder}/dovecot.conf", "import", "-u", USER, f"maildir:{folder}/mail/{USER}",
                    "", "ALL"], check=True)


def measured(command):
    """The kernel's own figures. By way of time(1): a child of this interpreter would inherit its peak memory."""
    with tempfile.NamedTemporaryFile("r") as figures:
        timed = ["time", "-q", "-f", "%e %U %S %M", "-o", figures.name, *command]
        done = subprocess.run(timed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}")
        wall, user, system, peak = (float(word) for word in figures.read().split())
    return {"wall s": wall, "cpu s": user + system, "peak MiB": peak / 1024}


def count_files(folder):
    return sum(len(files) for path, _, files in os.walk(folder) if path.endswith(("/cur", "/new")))


def round_of(tools, what, prepare, expected):
    """One run of each, in this order; the ratios of mailferry's figures to those of the other."""
    figures = {}
    for tool in tools:
        prepare(tool)
        os.sync()
        figures[tool.name] = measured(tool.command())
        found = count_files(tool.target())
        if found != expected:
            sys.exit(f"{tool.name} left {found} messages instead of {expected}")
    for name, row in figures.items():
        print(f"  {what:16} {name:10} " + "  ".join(f"{key} {value:8.2f}" for key, value in row.items()), flush=True)
    (other,) = (row for name, row in figures.items() if name != "mailferry")
    return {key: value / max(other[key], 0.01) for key, value in figures["mailferry"].items()}


def arguments(description, messages):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--messages", type=int, default=messages)
    parser.add_argument("--average", type=int, default=12_100, help="octets of a message")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binary", default="target/release/mailferry")
    options = parser.parse_args()
    options.binary = os.path.abspath(options.binary)
    return options


@contextlib.contextmanager
def server(options, protocol):
    """A folder with a server that has all the mail, and its port."""
    folder = tempfile.mkdtemp(prefix="mailferry-bench-")
    try:
        total = fill(folder, options.messages, options.average)
        print(f"{options.messages} messages, {total / 1e6:.0f} MB")
        port = free_port()
        with dovecot(folder, port, protocol):
            take_in(folder)
            yield folder, port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(tools, options):
    """Pairs of runs, each tool first in every other one; then the ratios."""
    ratios = {"first sync": [], "nothing changed": []}
    for number in range(options.rounds):
        order = tools if number % 2 == 0 else tools[::-1]
        ratios["first sync"].append(round_of(order, "first sync", lambda tool: tool.reset(), options.messages))
        for tool in tools:
            measured(tool.command())
        ratios["nothing changed"].append(round_of(order, "nothing changed", lambda tool: None, options.messages))
    print("mailferry / the other (median of the pairs; minimum and maximum)")
    for what, rows in ratios.items():
        for key in rows[0]:
            values = sorted(row[key] for row in rows)
            print(f"  {what:16} {key:10} {statistics.median(values):6.3f}   {values[0]:.3f} .. {values[-1]:.3f}")
