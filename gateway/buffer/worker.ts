import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { HeadwaterError } from '../../contract/index.ts';
import { forgetStart } from '../memory/index.ts';
import { systemClock } from './ages.ts';
import { Damage, saysDamaged, saysUnreadable } from './database.ts';
import { GroupCommit } from './group-commit.ts';
import { type Answer, packRecords, READ_TRIES, type Request, unpackSubmissions } from './protocol.ts';
import { noteDamage } from './recovery.ts';
import { open, Store } from './store.ts';
import type { BufferOptions } from './types.ts';

/* The buffer's thread: the store, its group commits, and the messages to and from client.ts. */

const port = parentPort!;
const answer = (message: Answer): void => port.postMessage(message);

export interface WorkerData {
  readonly options: BufferOptions;
  /** What cannot be read even now is given up. */
  readonly lastTry: boolean;
}

/** The end of this thread: whoever opened the buffer learns why, and may open it again. */
function fail(error: unknown): void {
  const { code, retryable } = error instanceof HeadwaterError ? error : { code: 'BUFFER_FAILED', retryable: true };
  answer({ type: 'failed', code, message: (error as Error).message, retryable });
  port.close();
}

function tryTo(work: () => void): void {
  try {
    work();
  } catch {}
}

function serve(store: Store): void {
  /** Lane → where reading failed last, and how often one after the other. */
  const failed = new Map<number, { readonly after: number; readonly tries: number }>();
  const commits = new GroupCommit({
    store,
    gather() {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) receive(next.message);
    },
    onOutcomes: (outcomes) => answer({ type: 'outcomes', outcomes, last: store.last }),
    onDamaged: damaged,
  });

  function receive(request: Request): void {
    switch (request.type) {
      case 'submit':
        commits.submit(unpackSubmissions(request.submissions));
        break;
      case 'release': {
        const { call, lane, sequence } = request;
        commits.release(lane, sequence, () => answer({ type: 'result', call, result: undefined }));
        break;
      }
      case 'peek': {
        const { call, lane, after, records, bytes } = request;
        reply(call, () => packRecords(read(lane, after, () => store.peek(lane, after, records, bytes))));
        break;
      }
      case 'status':
        reply(request.call, () => ({ ...store.status(), problem: commits.problem }));
        break;
      case 'close':
        commits.close();
        // All that was acknowledged is on disk; a disk that fails at this changes nothing of that.
        tryTo(() => store.close());
        answer({ type: 'closed' });
        port.close();
    }
  }

  function damaged(error: unknown): void {
    commits.stop();
    tryTo(() => store.close((error as Error).message));
    fail(error);
  }

  function reply(call: number, work: () => unknown): void {
    try {
      answer({ type: 'result', call, result: work() });
    } catch (error) {
      answer({ type: 'error', call, message: (error as Error).message });
      if (saysDamaged(error) && !saysUnreadable(error)) damaged(error);
    }
  }

  /** A place that cannot be read again and again, on a disk that takes everything else, is as good as damaged. */
  function read<T>(lane: number, after: number, work: () => T): T {
    const before = failed.get(lane);
    try {
      const found = work();
      if (before?.after === after) failed.delete(lane);
      return found;
    } catch (error) {
      if (!saysUnreadable(error) || commits.trouble !== null) throw error;
      const tries = before?.after === after ? before.tries + 1 : 1;
      failed.set(lane, { after, tries });
      throw tries < READ_TRIES ? error : new Damage((error as Error).message, { cause: error });
    }
  }

  answer({ type: 'open', incarnation: store.incarnation, recovered: store.recovered, last: store.last });
  port.on('message', receive);
  forgetStart();
}

const { options, lastTry } = workerData as WorkerData;
try {
  serve(new Store(options, systemClock, open(options, systemClock, lastTry)));
} catch (error) {
  if (saysDamaged(error)) tryTo(() => noteDamage(options.dir, (error as Error).message));
  fail(error);
}
