import { spawn } from 'node:child_process';

// Reads until the pipe to the parent closes, which the kernel does whatever the parent died of; then ends the process
// with number $1, first politely. It lies in a session of its own, so that Ctrl-C in the terminal does not end it too.
const SCRIPT = `
read -r _
kill -TERM "$1" 2>/dev/null || exit 0
i=0
while [ $i -lt 50 ]; do sleep 0.1; kill -0 "$1" 2>/dev/null || exit 0; i=$((i + 1)); done
kill -KILL "$1" 2>/dev/null
`;

/** Ends process `pid` when this process dies, even by kill -9. The returned function calls the watch off. */
export function endWithParent(pid: number): () => void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'headwater-watchdog', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => {}); // Without a shell the child simply outlives a killed parent; the next start clears it.
  shell.unref();
  return () => shell.kill('SIGKILL');
}
