import { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import tls, { type TLSSocket } from 'node:tls';

/**
 * Where a transaction of results can be interrupted. What a process has asked of Kafka is what it wrote to its sockets, so that is where it is told:
 *
 * - `read`: records are processed; of their transaction nothing was written.
 * - `amid results`: a part of the results is at the broker.
 * - `before commit`: results and checkpoint are, and the commit is about to be asked for.
 * - `commit sent`: the kernel has the request.
 * - `commit done`: its answer has come, and nobody has looked at it.
 * - `acknowledging`, `acknowledged`: before the group is told how far the process is, and when its answer has come.
 * - `opening`, `opened`: before a new owner's marker is committed, and when it is.
 */
export type KillPoint =
  | 'read'
  | 'amid results'
  | 'before commit'
  | 'commit sent'
  | 'commit done'
  | 'acknowledging'
  | 'acknowledged'
  | 'opening'
  | 'opened';

export interface Interruption {
  readonly point: KillPoint;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  /** The topic of the results. */
  readonly results: string;
  /** Transactions of results that are committed before. */
  readonly after: number;
}

/** What a process says on standard error when its point has come. */
export const INTERRUPTED = 'interrupted';
/** What one that was stopped says when Kafka has answered the request it was about to write, before the error's number; 0 is none. */
export const ANSWERED = 'answered with error ';
/** Error numbers of the protocol by which an owner of a transactional id learns that it is no longer that. */
export const FENCED = [47, 90];

const PRODUCE = 0;
const OFFSET_COMMIT = 8;
const ADD_PARTITIONS = 24;
const END_TRANSACTION = 26;
const CLIENT_ID = 12;

/** Sends this process a signal at the first such point. */
export function interruptAt({ point, signal, results, after }: Interruption): void {
  /** Requests that have carried results, by transactional id. */
  const open = new Map<string, number>();
  let committed = 0;
  let done = false;

  const reached = (here: KillPoint, socket?: TLSSocket, errorAt: (answer: Buffer) => number = () => 12) => {
    if (done || here !== point || committed < after) return;
    done = true;
    socket?.prependOnceListener('data', (answer: Buffer) => {
      writeSync(2, `${ANSWERED}${answer.readInt16BE(errorAt(answer))}\n`);
    });
    writeSync(2, `${INTERRUPTED}\n`);
    process.kill(process.pid, signal);
    // The signal need not have come when `kill` returns.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  };
  const written = (socket: TLSSocket, request: Buffer): (() => void) | undefined => {
    const api = request.readInt16BE(4);
    if (api === OFFSET_COMMIT && committed > 0) {
      reached('acknowledging');
      socket.prependOnceListener('data', () => reached('acknowledged'));
      return undefined;
    }
    if (api !== PRODUCE && api !== ADD_PARTITIONS && api !== END_TRANSACTION) return undefined;
    const id = transactionalId(request);
    const carried = open.get(id);
    if (api !== END_TRANSACTION) {
      if (!request.includes(results)) return undefined;
      if (api === ADD_PARTITIONS && carried === undefined) reached('read');
      if (api === PRODUCE && carried! > 0) reached('amid results', socket, errorOfProduce);
      open.set(id, (carried ?? 0) + (api === PRODUCE ? 1 : 0));
      return undefined;
    }
    open.delete(id);
    if (request.at(-1) !== 1) return undefined;
    reached(carried ? 'before commit' : 'opening', socket);
    socket.prependOnceListener('data', () => {
      reached(carried ? 'commit done' : 'opened');
      if (carried) committed++;
    });
    return carried ? () => reached('commit sent') : undefined;
  };

  const { connect } = tls;
  tls.connect = ((...args: Parameters<typeof connect>) => {
    const socket = connect(...args);
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (...args: unknown[]) => {
      const [request] = args;
      const sent = Buffer.isBuffer(request) && request.length > CLIENT_ID + 2 ? written(socket, request) : undefined;
      return sent ? write(request, 'binary', sent) : write(...args);
    };
    return socket;
  }) as typeof connect;
  syncBuiltinESMExports();
}

function transactionalId(request: Buffer): string {
  const at = CLIENT_ID + 2 + request.readInt16BE(CLIENT_ID);
  return request.toString('utf8', at + 2, at + 2 + Math.max(0, request.readInt16BE(at)));
}

/** Where the answer to a write to one topic says what became of its first partition. */
function errorOfProduce(answer: Buffer): number {
  return 12 + 2 + answer.readInt16BE(12) + 4 + 4;
}
