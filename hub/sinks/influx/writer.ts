import { type Answer, answerOf } from './answers.ts';
import type { Line } from './lines.ts';
import type { Bucket } from './points.ts';
import type { Server } from './server.ts';

export interface Refusal<T extends Line> {
  readonly line: T;
  readonly reason: string;
}

export interface Written<T extends Line> {
  /** InfluxDB will not take these, whatever is tried. All others are stored. */
  readonly refused: readonly Refusal<T>[];
  /** Points older than their bucket keeps any. */
  readonly expired: number;
}

/** Thrown where nothing is wrong with the points: the same write may succeed later. */
export class TryAgain extends Error {
  readonly answer: Answer & { kind: 'wait' };
  constructor(answer: Answer & { kind: 'wait' }, cause: unknown) {
    super(answer.detail, { cause });
    this.answer = answer;
  }
}

/**
 * Writes points, each in its bucket. A write that is refused for some of its points is taken apart until these are found, which costs a few writes for each
 * of them; what was stored before is stored again, which changes nothing.
 * @throws TryAgain; what is stored by then is not known
 */
export async function writeLines<T extends Line>(
  server: Server,
  lines: readonly T[],
  clock: () => number,
): Promise<Written<T>> {
  const refused: Refusal<T>[] = [];
  let expired = 0;

  async function write(bucket: Bucket, some: readonly T[]): Promise<void> {
    let answer: Answer;
    try {
      await server.write(
        bucket,
        some.map(({ text }) => text),
      );
      return;
    } catch (error) {
      answer = answerOf(error, clock());
      if (answer.kind === 'wait') throw new TryAgain(answer, error);
    }
    if (answer.kind === 'expired') {
      expired += answer.points;
      return;
    }
    const { reason, dropped } = answer;
    if (some.length === 1 || dropped === some.length) {
      for (const line of some) refused.push({ line, reason });
      return;
    }
    // Points of one measurement are mostly at fault together.
    const sorted = some.toSorted((a, b) =>
      a.measurement < b.measurement ? -1 : a.measurement > b.measurement ? 1 : 0,
    );
    const middle = sorted.length >> 1;
    await write(bucket, sorted.slice(0, middle));
    await write(bucket, sorted.slice(middle));
  }

  for (const [bucket, some] of Map.groupBy(lines, (line) => line.bucket)) await write(bucket, some);
  return { refused, expired };
}
