import type { Socket } from 'node:net';

interface Handle {
  reading: boolean;
  readonly writeQueueSize: number;
  /** That of TCP, below TLS. */
  readonly _parent?: Handle;
  readStop(): unknown;
}

/** Node's own part of a socket, as far as it is used here. */
interface Inner {
  readonly _handle?: Handle | null;
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

/** A number that moves when the other end has read something, in the middle of a large write too. */
export function movesWhenRead(socket: Socket): number {
  const { _handle: handle } = socket as unknown as Inner;
  return socket.bytesWritten - socket.writableLength - ((handle?._parent ?? handle)?.writeQueueSize ?? 0);
}

/** Ends `leaveUnread`. */
export function readOn(socket: Socket): void {
  if (!socket.destroyed) (socket as unknown as Inner)._read(0);
}
