// Who stops the programs of a script that was killed without a chance to do it: a shell that waits for the end of a pipe.

import { spawn } from 'node:child_process';

/**
 * Each line is the whole list of what runs, newest first. After the last line (the script is gone, however it ended) all get
 * SIGTERM; the oldest, which the others need to say goodbye to, last. What is still there after 20 s is killed.
 */
const GUARD = `
trap '' INT TERM HUP
pids=
while read -r line; do pids=$line; done
[ -n "$pids" ] || exit 0
oldest=\${pids##* }
alive() {
  for p in $1; do
    # A process that has ended and waits for somebody to notice does not count.
    case $(ps -o stat= -p "$p" 2>/dev/null) in '' | *Z*) ;; *) return 0 ;; esac
  done
  return 1
}
for p in $pids; do [ "$p" = "$oldest" ] || kill -TERM "$p" 2>/dev/null; done
others=\${pids% *}
[ "$others" != "$pids" ] || others=
n=0; while [ $n -lt 80 ] && alive "$others"; do sleep 0.2; n=$((n+1)); done
kill -TERM "$oldest" 2>/dev/null
n=0; while [ $n -lt 20 ] && alive "$oldest"; do sleep 0.2; n=$((n+1)); done
for p in $pids; do kill -KILL "$p" 2>/dev/null; done
`;

const watched = new Set();
let guard;

function tell() {
  if (guard === undefined) {
    // A session of its own: Ctrl-C in the terminal is for the script.
    guard = spawn('sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    guard.on('error', () => {});
    guard.stdin.on('error', () => {});
    guard.unref();
    guard.stdin.unref?.();
  }
  guard.stdin.write(`${[...watched].reverse().join(' ')}\n`);
}

/** Has the process stopped when this script ends without having done so. Call the result when it ended. */
export function guardProgram(pid) {
  watched.add(pid);
  tell();
  return () => {
    watched.delete(pid);
    tell();
  };
}
