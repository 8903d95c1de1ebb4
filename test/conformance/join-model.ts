/** Which records of two streams are pairs, and in which order Kafka Streams takes them. */
import { byPartition } from './inputs.ts';
import type { Input } from './reference.ts';

/** Rows are named after the ids of their records, `-` for none. */
export const nameOf = (left: { id: number } | null, right: { id: number } | null): string =>
  `${left?.id ?? '-'} ${right?.id ?? '-'}`;

/** The partners of each record: right ones are at most `before` ms earlier than the left one, and `after` later. */
export function partnersOf(inputs: readonly Input[], before: number, after: number): Map<Input, Input[]> {
  const partners = new Map<Input, Input[]>(inputs.map((input) => [input, []]));
  for (const records of Map.groupBy(inputs, ({ key }) => key).values()) {
    for (const left of records) {
      for (const right of records) {
        if (left.side !== 'left' || right.side !== 'right') continue;
        if (right.ts < left.ts - before || right.ts > left.ts + after) continue;
        partners.get(left)!.push(right);
        partners.get(right)!.push(left);
      }
    }
  }
  return partners;
}

export type JoinKind = 'inner' | 'left' | 'outer';

/** What a join of these records gives, whatever their order: pairs, and records without partner where the kind has them. */
export function joinOf(kind: JoinKind, inputs: readonly Input[], before: number, after: number): string[] {
  const rows: string[] = [];
  for (const [record, partners] of partnersOf(inputs, before, after)) {
    const isLeft = record.side === 'left';
    if (isLeft) for (const partner of partners) rows.push(nameOf(record, partner));
    if (partners.length > 0 || kind === 'inner' || (kind === 'left' && !isLeft)) continue;
    rows.push(isLeft ? nameOf(record, null) : nameOf(null, record));
  }
  return rows.sort();
}

/** The inputs as Kafka Streams takes them: of a partition's two topics always the one whose next record is older. */
export function inItsOrder(inputs: readonly Input[]): Input[] {
  return [...byPartition(inputs).values()].flatMap((part) => {
    const lefts = part.filter(({ side }) => side === 'left');
    const rights = part.filter(({ side }) => side === 'right');
    const order: Input[] = [];
    for (let [l, r] = [0, 0]; l < lefts.length || r < rights.length; ) {
      const [left, right] = [lefts[l], rights[r]];
      const isLeft = right === undefined || (left !== undefined && left.ts <= right.ts);
      order.push(isLeft ? lefts[l++]! : rights[r++]!);
    }
    return order;
  });
}

/** How far each record is behind the latest of its partition, ms, in that order. */
export function behindOf(inputs: readonly Input[]): Map<Input, number> {
  const behind = new Map<Input, number>();
  for (const part of byPartition(inItsOrder(inputs)).values()) {
    let latest = 0;
    for (const input of part) {
      latest = Math.max(latest, input.ts);
      behind.set(input, latest - input.ts);
    }
  }
  return behind;
}
