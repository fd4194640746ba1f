"""Runs a program in a network of its own, in which DNS and HTTPS say what a zone has: network.py ZONE PROGRAM ARGUMENT...

Begun by unshare(1) in network and mount namespaces of its own. ZONE is a JSON file that the program may write before it
needs it: "hosts" (names that are this machine), "srv" and "mx" (name to records), "pages" (host and path to text),
"certificate" and "key" (of the HTTPS server). Ends with the program's exit code.
"""

import fcntl
import http.server
import json
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading

SRV, MX, A = 33, 15, 1
zone_file = pathlib.Path(sys.argv[1])


def zone():
    return json.loads(zone_file.read_text())


def up():
    """Switches the loopback interface on: SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = fcntl.ioctl(handle, 0x8913, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(handle, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


def name_at(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode().lower())
        at += 1 + packet[at]
    return ".".join(labels), at + 1


def labels(name):
    parts = [label for label in name.split(".") if label]
    return b"".join(bytes([len(part)]) + part.encode() for part in parts) + b"\0"


def records(name, kind):
    known = zone()
    if kind == SRV:
        for priority, weight, port, target in known.get("srv", {}).get(name, []):
            yield struct.pack(">HHH", priority, weight, port) + labels(target)
    if kind == MX:
        for preference, host in known.get("mx", {}).get(name, []):
            yield struct.pack(">H", preference) + labels(host)
    if kind == A and name in known.get("hosts", []):
        yield bytes([127, 0, 0, 1])


def answer(packet):
    name, end = name_at(packet, 12)
    (kind,) = struct.unpack(">H", packet[end : end + 2])
    data = list(records(name, kind))
    known = zone()
    there = data or name in known.get("hosts", [])
    head = packet[:2] + struct.pack(">HHHHH", 0x8580 | (0 if there else 3), 1, len(data), 0, 0)
    each = (b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(one)) + one for one in data)
    return head + packet[12 : end + 4] + b"".join(each)


def serve_names(handle):
    while True:
        packet, client = handle.recvfrom(4096)
        handle.sendto(answer(packet), client)


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = zone().get("pages", {}).get(self.headers["Host"] + self.path)
        self.send_response(200 if page else 404)
        self.send_header("Content-Length", str(len((page or "").encode())))
        self.end_headers()
        self.wfile.write((page or "").encode())

    def log_message(self, *_):
        pass


up()
with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolver:
    resolver.write("nameserver 127.0.0.1\n")
    resolver.flush()
    os.chmod(resolver.name, 0o644)
    subprocess.run(["mount", "--bind", resolver.name, os.path.realpath("/etc/resolv.conf")], check=True)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("127.0.0.1", 53))
    threading.Thread(target=serve_names, args=(names,), daemon=True).start()
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 443), Pages)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(zone()["certificate"], zone()["key"])
    pages.socket = context.wrap_socket(pages.socket, server_side=True)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    sys.exit(subprocess.run(sys.argv[2:]).returncode)
