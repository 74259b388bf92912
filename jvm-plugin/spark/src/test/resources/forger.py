"""A worker that lies: it answers every batch with a result of doubles, strings and arrays of which a few numbers are
wrong, and goes on writing to its memory for a while. The number at the end of its file's name seeds what it does.

It speaks the protocol of native/core/src/protocol.rs by hand: postcard, in datagrams, with memfds beside them.
"""

import array
import fcntl
import mmap
import os
import random
import re
import socket
import struct
import sys
import threading
import time

VERSION = 8
SHRINK, GROW, FUTURE_WRITE = 0x2, 0x4, 0x10
SEGMENT = 1 << 16
WHILE = 0.5  # seconds: results are read at once

seed = int(re.search(r"(\d+)$", sys.argv[0]).group())
rng = random.Random(seed)
channel = socket.socket(fileno=os.dup(0))


def number(value):
    """A varint."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value):
    return number(len(value)) + value.encode()


def read_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def read_run(data):
    """Ticket and number of groups of a batch."""
    _, at = read_number(data, 2)  # the definition
    ticket, at = read_number(data, at)
    attached, at = read_number(data, at)
    for _ in range(attached):
        for _ in range(3):  # id, length, by descriptor
            _, at = read_number(data, at)
    forgotten, at = read_number(data, at)
    for _ in range(forgotten):
        _, at = read_number(data, at)
    return ticket, read_number(data, at)[0]


class Memory:
    """A sealed segment, filled from its start."""

    def __init__(self):
        self.fd = os.memfd_create("forged", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, SEGMENT)
        self.map = mmap.mmap(self.fd, SEGMENT)
        seals = SHRINK | GROW | FUTURE_WRITE
        if rng.random() < 0.05:
            seals &= ~rng.choice([SHRINK, FUTURE_WRITE])
        fcntl.fcntl(self.fd, 1033, seals)
        self.end = 0

    def buffer(self, content):
        offset, self.end = self.end, -(-(self.end + len(content)) // 64) * 64
        self.map[offset : offset + len(content)] = content
        return [1, offset, len(content)]

    def spoil(self):
        """Writes anything anywhere, while the result is read; an idle worker stays in its pool, and would go on."""
        end = time.monotonic() + WHILE
        while time.monotonic() < end:
            at = rng.randrange(0, SEGMENT - 8)
            self.map[at : at + 8] = rng.randbytes(8)


def honest(memory, groups):
    """A double, a string and an array of doubles for each group."""
    label = "né€𝄞".encode()
    strings = memory.buffer(struct.pack(f"<{groups + 1}q", *(i * len(label) for i in range(groups + 1))))
    lists = memory.buffer(struct.pack(f"<{groups + 1}q", *(2 * i for i in range(groups + 1))))
    doubles = memory.buffer(struct.pack(f"<{2 * groups}d", *range(2 * groups)))
    plain = memory.buffer(struct.pack(f"<{groups}d", *range(groups)))
    leaf = {"len": 2 * groups, "offset": 0, "validity": None, "buffers": [doubles], "children": []}
    node = {"len": groups, "offset": 0, "validity": None}
    return {
        **node,
        "buffers": [],
        "children": [
            {**node, "buffers": [plain], "children": []},
            {**node, "buffers": [strings, memory.buffer(label * groups)], "children": []},
            {**node, "buffers": [lists], "children": [leaf]},
        ],
    }


def lie(node):
    if node["children"] and rng.random() < 0.7:
        return lie(rng.choice(node["children"]))
    wrong = rng.choice([0, 1, 7, 8, 64, SEGMENT - 8, SEGMENT, 2**31, 2**63 - 1, 2**64 - 1, rng.getrandbits(64)])
    what = rng.randrange(6)
    if what == 0:
        node["len"] = wrong
    elif what == 1:
        node["offset"] = wrong
    elif what == 2:
        node["validity"] = [1, rng.choice([0, wrong]), rng.choice([0, 8, wrong])], rng.choice([0, wrong])
    elif what == 3 and node["children"]:
        node["children"].append(rng.choice(node["children"]))
    elif node["buffers"]:
        rng.choice(node["buffers"])[rng.randrange(3)] = wrong
    return None


def encoded(node):
    def reference(parts):
        return b"".join(map(number, parts))

    validity = node["validity"]
    present = b"\0" if validity is None else b"\1" + reference(validity[0]) + number(validity[1])
    buffers = number(len(node["buffers"])) + b"".join(map(reference, node["buffers"]))
    children = number(len(node["children"])) + b"".join(map(encoded, node["children"]))
    return number(node["len"]) + number(node["offset"]) + present + buffers + children


def reply(ticket, groups):
    memory = Memory()
    result = honest(memory, groups)
    for _ in range(rng.randrange(4)):
        lie(result)
    for _ in range(rng.choice([0, 0, 0, 3])):
        memory.map[rng.randrange(max(memory.end, 1))] = rng.randrange(256)
    ticket = ticket if rng.random() < 0.95 else rng.getrandbits(64)
    attach = number(1) + number(1) + number(SEGMENT) + number(0)
    forgotten, dropped, aside, stats = number(0), number(0), number(0), b"\0" * 10
    message = b"\0" + number(1) + number(ticket) + attach + forgotten + encoded(result) + dropped + aside + stats
    if rng.random() < 0.1:
        message = bytearray(message)
        message[rng.randrange(1, len(message))] = rng.randrange(256)
    channel.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [memory.fd]))])
    threading.Thread(target=memory.spoil, daemon=True).start()


while True:
    data, _, _, _ = channel.recvmsg(1 << 17, socket.CMSG_SPACE(4 * 253))
    if not data or data[:2] == b"\0\5":  # the end, or Shutdown
        os._exit(0)
    if data[:2] == b"\0\0":  # Start
        channel.send(b"\0" + number(0) + number(VERSION) + text("3.11.7") + text("2.4"))
    elif data[:2] == b"\0\3":  # Run
        reply(*read_run(data))
