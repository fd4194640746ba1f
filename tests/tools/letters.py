#!/usr/bin/env python3
"""Mail for tests/demo: fills a server over IMAP, looks at it, and compares it with a Maildir. Standard library only.

The comparison shares no code with mailferry: it reads the server with imaplib and the Maildir with os.
"""

import argparse
import base64
import collections
import email.header
import email.policy
import hashlib
import imaplib
import os
import random
import re
import ssl
import sys
from email.message import EmailMessage

LETTERS = {"D": "\\Draft", "F": "\\Flagged", "P": "$Forwarded", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}

# Mailbox, its share of the letters, and who writes there.
MAILBOXES = [
    ("INBOX", 40),
    ("Archive/2025", 10),
    ("Archive/2026", 15),
    ("Lists/ferries", 20),
    ("Reisen/Zürich", 7),
    ("Reisen/Łódź & Kraków", 4),
    ("日本語", 4),
    ("Empty", 0),
]

PEOPLE = [
    ("Alice Moreau", "alice@example.org"),
    ("Bob Hansen", "bob@example.org"),
    ("Zoë Müller", "zoe@example.net"),
    ("山田 太郎", "taro@example.jp"),
    ("Łukasz Nowak", "lukasz@example.pl"),
    ("Ольга Иванова", "olga@example.com"),
]

TOPICS = [
    ("Timetable for the autumn", "utf-8"),
    ("Grüße aus Zürich", "iso-8859-1"),
    ("Preis: 12 € die Überfahrt", "iso-8859-15"),
    ("会議の件", "iso-2022-jp"),
    ("Расписание паромов", "koi8-r"),
    ("Zażółć gęślą jaźń", "iso-8859-2"),
    ("Minutes of the meeting", "us-ascii"),
    ("Ferry ⛴ pictures 📷", "utf-8"),
]

WORDS = (
    "the ferry leaves at nine and carries letters bread bicycles and one cow across the water every morning "
    "please bring an umbrella since the captain says that rain comes from the west after lunch"
).split()


def utf7(name):
    """A mailbox name as IMAP4rev1 writes it (RFC 3501 section 5.1.3)."""
    out = ""
    for run in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name):
        if run.isascii():
            out += run.replace("&", "&-")
        else:
            code = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=")
            out += "&" + code.replace("/", ",") + "-"
    return out


def from_utf7(name):
    def decode(match):
        code = match[1].replace(",", "/")
        return base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-be") if code else "&"

    return re.sub(r"&([A-Za-z0-9+,]*)-", decode, name)


def quoted(name):
    return '"' + utf7(name).replace("\\", "\\\\").replace('"', '\\"') + '"'


def connect(options):
    server = imaplib.IMAP4_SSL("localhost", options.port, ssl_context=ssl.create_default_context(cafile=options.ca))
    server.login(options.user, options.password)
    return server


def done(answer):
    kind, data = answer
    if kind != "OK":
        sys.exit(f"the server said {kind}: {data}")
    return data


def prose(rng, charset, topic):
    lines = []
    for _ in range(rng.randrange(2, 40)):
        line = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 12)))
        lines.append(line.capitalize() + ".")
    lines.insert(rng.randrange(len(lines)), topic)
    text = "\n".join(lines)
    return text.encode(charset, "replace").decode(charset)


def plain(rng, number, topic, charset):
    """An ordinary letter, some with attachments, some with 8-bit bodies."""
    message = EmailMessage(policy=email.policy.SMTP)
    name, address = rng.choice(PEOPLE)
    message["From"] = f"{email.header.Header(name, 'utf-8').encode()} <{address}>" if not name.isascii() else f"{name} <{address}>"
    message["To"] = "Alice <alice@example.org>"
    message["Subject"] = topic
    message["Date"] = f"{number % 28 + 1:02} Oct 2026 {number % 24:02}:{number % 60:02}:00 +0200"
    encoding = "8bit" if number % 3 == 0 and charset != "us-ascii" else None
    if charset in ("iso-2022-jp", "us-ascii"):
        encoding = "7bit"
    message.set_content(prose(rng, charset, topic), charset=charset, cte=encoding)
    if number % 7 == 0:
        message.add_alternative(f"<p>{topic}</p>", subtype="html")
    if number % 5 == 0:
        blob = rng.randbytes(rng.randrange(500, 60_000))
        message.add_attachment(blob, maintype="application", subtype="pdf", filename=f"Fähre-{number}.pdf")
    return message


def raw_bytes(number):
    """A letter that no library would write: raw 8-bit headers, a line of a thousand letters, a dot alone."""
    return (
        b"From: =?iso-8859-1?Q?J=F6rg?= <joerg@example.org>\r\nTo: alice@example.org\r\n"
        b"Subject: \xe4lteste F\xe4hre " + str(number).encode() + b"\r\n"
        b"Message-ID: <raw-" + str(number).encode() + b"@example.org>\r\n\r\n"
        b"\xa4 \xff\xfe raw\r\n.\r\n" + b"long " * 200 + b"\r\nFrom here on nothing is quoted.\r\n"
    )


def letters(count):
    """Mailbox, flags and octets of each letter."""
    rng = random.Random(1)
    total = sum(share for _, share in MAILBOXES)
    number = 0
    for mailbox, share in MAILBOXES:
        thread = []
        for _ in range(round(count * share / total)):
            number += 1
            if number % 41 == 0:
                octets = raw_bytes(number)
            else:
                topic, charset = TOPICS[number % len(TOPICS)]
                reply = bool(thread) and rng.random() < 0.5
                message = plain(rng, number, f"Re: {topic}" if reply else topic, charset)
                message["Message-ID"] = f"<{number}.{rng.getrandbits(40):x}@example.org>"
                if reply:
                    message["In-Reply-To"] = thread[-1]
                    message["References"] = " ".join(thread[-4:])
                else:
                    thread = []
                thread.append(message["Message-ID"])
                if mailbox.startswith("Lists/"):
                    message["List-Id"] = "Ferries <ferries.lists.example.org>"
                octets = message.as_bytes()
            flags = [flag for flag, odds in (("\\Seen", 0.7), ("\\Answered", 0.2), ("\\Flagged", 0.1), ("$Forwarded", 0.05)) if rng.random() < odds]
            yield mailbox, flags, 1_750_000_000 + number * 3_601, octets


def fill(options):
    server = connect(options)
    for mailbox, _ in MAILBOXES:
        if mailbox != "INBOX":
            done(server.create(quoted(mailbox)))
            server.subscribe(quoted(mailbox))
    counts, octets_sent = collections.Counter(), 0
    for mailbox, flags, date, octets in letters(options.count):
        done(server.append(quoted(mailbox), f"({' '.join(flags)})", imaplib.Time2Internaldate(date), octets))
        counts[mailbox] += 1
        octets_sent += len(octets)
    server.logout()
    print(f"{sum(counts.values())} letters in {len(MAILBOXES)} mailboxes, {octets_sent / 1e6:.1f} MB: threads, "
          f"{len({charset for _, charset in TOPICS})} charsets, attachments, raw 8-bit")


def deliver(options):
    server = connect(options)
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = "Bob Hansen <bob@example.org>"
    message["To"] = "Alice <alice@example.org>"
    message["Subject"] = options.subject
    message["Message-ID"] = f"<{random.getrandbits(64):x}@example.org>"
    message.set_content("The ferry is on time.\n")
    done(server.append(quoted(options.mailbox), None, None, message.as_bytes()))
    server.logout()
    print(f"{options.mailbox}: {options.subject}")


def flagged(options):
    """Fails unless a flagged letter has this subject (as it stands in the header, still encoded)."""
    server = connect(options)
    done(server.select(quoted(options.mailbox), readonly=True))
    uids = done(server.uid("SEARCH", "FLAGGED"))[0].split()
    for uid in uids:
        data = done(server.uid("FETCH", uid.decode(), "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
        header = data[0][1].decode("ascii", "replace")
        if options.subject.strip() in header:
            flags = imaplib.ParseFlags(data[0][0]) or imaplib.ParseFlags(data[-1])
            print(f"UID {uid.decode()} in {options.mailbox}: " + " ".join(sorted(flag.decode() for flag in flags)))
            print(email.header.make_header(email.header.decode_header(header.strip())))
            server.logout()
            return
    sys.exit("no flagged letter with this subject on the server")


def digest(octets):
    """The same for CRLF and LF: the Maildir keeps LF."""
    return hashlib.sha256(octets.replace(b"\r\n", b"\n")).hexdigest()[:16]


def server_side(options):
    server = connect(options)
    sides = {}
    for line in done(server.list()):
        attributes, name = re.match(rb'\((.*?)\) (?:"[^"]*"|NIL) "?(.*?)"?$', line).groups()
        if b"\\noselect" in attributes.lower() or b"\\nonexistent" in attributes.lower():
            continue
        name = from_utf7(name.decode())
        exists = int(done(server.select(quoted(name), readonly=True))[0])
        found = collections.Counter()
        if exists:
            for part in done(server.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")):
                if isinstance(part, tuple):
                    flags = {flag.decode() for flag in imaplib.ParseFlags(part[0])} & set(LETTERS.values())
                    found[digest(part[1]), tuple(sorted(flags))] += 1
        if sum(found.values()) != exists:
            sys.exit(f"{name}: the server has {exists} letters, {sum(found.values())} were read")
        sides[name] = found
    server.logout()
    return sides


def maildir_side(root):
    sides = {}
    for folder, inside, _ in os.walk(root):
        if not {"cur", "new", "tmp"} <= set(inside):
            continue
        found = collections.Counter()
        for place in ("cur", "new"):
            for name in os.listdir(os.path.join(folder, place)):
                with open(os.path.join(folder, place, name), "rb") as file:
                    octets = file.read()
                info = name.partition(":2,")[2]
                found[digest(octets), tuple(sorted(LETTERS[letter] for letter in info))] += 1
        inside[:] = [name for name in inside if name not in ("cur", "new", "tmp")]
        sides[os.path.relpath(folder, root)] = found
    return sides


def compare(options):
    server, maildir = server_side(options), maildir_side(options.maildir)
    print("Server  Maildir  Mailbox")
    wrong = 0
    for name in sorted(set(server) | set(maildir)):
        there, here = server.get(name), maildir.get(name)
        verdict = "" if there == here else "  DIFFERENT"
        wrong += there != here
        count = lambda side: "none" if side is None else sum(side.values())
        print(f"{count(there):>6}  {count(here):>7}  {name}{verdict}")
        for what, side, other in (("only on the server", there, here), ("only in the Maildir", here, there)):
            for (content, flags), times in ((side or collections.Counter()) - (other or collections.Counter())).items():
                print(f"                 {what}: {content} {' '.join(flags)} x{times}")
    letters_here = sum(sum(side.values()) for side in maildir.values())
    if wrong or not letters_here:
        sys.exit(f"NOT EQUAL: {wrong} mailboxes differ")
    print(f"Equal: {letters_here} letters in {len(server)} mailboxes, content and flags.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--user", default="alice")
    parser.add_argument("--password", default="secret")
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("fill")
    verb.add_argument("--count", type=int, default=300)
    verb.set_defaults(run=fill)
    for name, run in (("deliver", deliver), ("flagged", flagged)):
        verb = verbs.add_parser(name)
        verb.add_argument("mailbox")
        verb.add_argument("--subject", required=True)
        verb.set_defaults(run=run)
    verb = verbs.add_parser("compare")
    verb.add_argument("maildir")
    verb.set_defaults(run=compare)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
