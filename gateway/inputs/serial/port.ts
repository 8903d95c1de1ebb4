import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { HeadwaterError } from '../../../contract/index.ts';

/** An open line, whatever it is made of. */
export interface Port {
  readonly stream: Duplex;
  /** Called once when the line is gone, by either side's doing. */
  onClosed(callback: (reason: string) => void): void;
  close(): void;
}

/** Opens a device file, or `tcp://host:port`. Rejects with what to do when it cannot be opened. */
export function openPort(path: string, baudRate: number): Promise<Port> {
  return path.startsWith('tcp://') ? openTcp(path) : openDevice(path, baudRate);
}

function openTcp(path: string): Promise<Port> {
  const { hostname, port } = new URL(path);
  const { promise, resolve, reject } = Promise.withResolvers<Port>();
  const socket = connect({ host: hostname, port: Number(port), keepAlive: true, keepAliveInitialDelay: 10_000 });
  let reason = 'the other side closed the connection';
  socket.on('error', (error) => {
    reason = error.message;
    reject(error);
  });
  socket.once('end', () => socket.destroy());
  socket.once('connect', () =>
    resolve({
      stream: socket,
      onClosed: (callback) => socket.once('close', () => callback(reason)),
      close: () => socket.destroy(),
    }),
  );
  return promise;
}

async function openDevice(path: string, baudRate: number): Promise<Port> {
  // Loaded here only: a gateway without serial ports needs no native addon.
  const { SerialPort } = await import('serialport');
  const { promise, resolve, reject } = Promise.withResolvers<Port>();
  const device = new SerialPort({ path, baudRate, autoOpen: false });
  // `destroy` would leave the file open, and a device's end or unplugging is not an `error`: both come through `close`.
  const close = () => {
    if (device.isOpen && !device.closing) device.close();
  };
  device.on('error', close);
  device.once('end', close);
  device.open((error) => {
    if (error) return reject(explained(error, path));
    resolve({
      stream: device,
      onClosed: (callback) =>
        device.once('close', (lost: Error | null | undefined) => callback(lost?.message ?? 'the device was closed')),
      close,
    });
  });
  return promise;
}

/** The addon tells what went wrong in a text only. */
function explained(cause: Error, path: string): Error {
  const failed = (code: string, message: string) => new HeadwaterError(code, message, { retryable: true, cause });
  if (/permission denied/i.test(cause.message)) {
    const advice = 'add the gateway’s user to the group dialout (sudo usermod -aG dialout USER) and start it again';
    return failed('SERIAL_PERMISSION', `permission denied on ${path}: ${advice}`);
  }
  if (/cannot lock|busy/i.test(cause.message)) {
    return failed('SERIAL_BUSY', `another program holds ${path}: end it (fuser ${path} tells which)`);
  }
  return cause;
}
