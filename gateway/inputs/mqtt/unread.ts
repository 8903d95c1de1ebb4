import type { Socket } from 'node:net';

/** Node's own part of a socket, as far as it is used here. */
interface Inner {
  readonly _handle?: { reading: boolean; readStop(): unknown } | null;
  _read(size: number): void;
}

/**
 * Has the system keep what comes, without waking this process. `pause()` does not: the next chunk would still be read, and only the one after that
 * left. Gives whether it was being read; then `readOn` has to follow.
 */
export function leaveUnread(socket: Socket): boolean {
  const { _handle: handle } = socket as unknown as Inner;
  if (!handle?.reading) return false;
  handle.reading = false;
  handle.readStop();
  return true;
}

/** Ends `leaveUnread`. */
export function readOn(socket: Socket): void {
  if (!socket.destroyed) (socket as unknown as Inner)._read(0);
}
