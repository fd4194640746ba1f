"""Runs a program at a terminal of its own: terminal.py ANSWERS PROGRAM ARGUMENT...

ANSWERS is JSON, a list of pairs: a text that a question has in it, and what is typed once that text is shown. Prints what was
shown, and at the end whether the terminal shows what is typed. Ends with the program's exit code.
"""

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time

# Longer than everything takes on a machine that is busy.
PATIENCE = 240

answers = json.loads(sys.argv[1])
terminal, program_side = pty.openpty()
child = subprocess.Popen(
    sys.argv[2:],
    stdin=program_side,
    stdout=program_side,
    stderr=program_side,
    start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)


def echoes():
    return bool(termios.tcgetattr(program_side)[3] & termios.ECHO)


shown = b""
since = 0
deadline = time.monotonic() + PATIENCE
while True:
    over = child.poll() is not None
    if select.select([terminal], [], [], 0.05)[0]:
        shown += os.read(terminal, 65536)
        deadline = time.monotonic() + PATIENCE
    elif over:
        break
    elif time.monotonic() > deadline:
        print("silent for too long")
        child.kill()
    if answers and answers[0][0].encode() in shown[since:]:
        # What is typed before the program listens may be thrown away.
        if echoes():
            continue
        since = len(shown)
        os.write(terminal, answers.pop(0)[1].encode())
sys.stdout.write(shown.decode(errors="replace"))
print("echo is on" if echoes() else "echo is off")
print("unanswered:", [question for question, _ in answers])
sys.exit(child.returncode % 256)
