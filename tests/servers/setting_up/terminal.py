"""Runs a program at a terminal of its own: terminal.py ANSWERS PROGRAM ARGUMENT...

ANSWERS is JSON, a list of pairs: a text that a question has in it, and what is typed once that text is shown, followed by
Enter. Prints what was shown, and at the end whether the terminal shows what is typed. Ends with the program's exit code.
"""

import json
import os
import pty
import select
import sys
import termios

# Longer than everything takes on a machine that is busy.
PATIENCE = 240

answers = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
since = 0
while True:
    if not select.select([terminal], [], [], PATIENCE)[0]:
        print("silent for too long")
        os.kill(child, 9)
        break
    try:
        octets = os.read(terminal, 65536)
    except OSError:
        break
    if not octets:
        break
    shown += octets
    if answers and answers[0][0].encode() in shown[since:]:
        since = len(shown)
        _, answer = answers.pop(0)
        os.write(terminal, answer.encode() + b"\r")
    if b"Nothing was written." in shown:
        echo = termios.tcgetattr(terminal)[3] & termios.ECHO
        shown += b"\necho is on\n" if echo else b"\necho is off\n"
_, status = os.waitpid(child, 0)
sys.stdout.write(shown.decode(errors="replace"))
print("unanswered:", [question for question, _ in answers])
sys.exit(os.waitstatus_to_exitcode(status) % 256)
