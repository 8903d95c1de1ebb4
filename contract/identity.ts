import { HeadwaterError } from './error.ts';

/** The order in which a gateway's readings drain: alarms first, what is new next, what an outage left behind last. */
export const LANES = ['alarm', 'live', 'backlog'] as const;
export type Lane = (typeof LANES)[number];

/** Names a reading for ever, together with its gateway (the record's key). `sequence` counts from 1 without holes in its lane. */
export interface Identity {
  /** Random id of one life of a gateway's buffer database. */
  readonly incarnation: string;
  readonly lane: Lane;
  readonly sequence: number;
}

export function formatIdentity(id: Identity): string {
  return `${id.incarnation}/${id.lane}/${id.sequence}`;
}

/** @throws HeadwaterError `IDENTITY_INVALID` */
export function parseIdentity(text: string): Identity {
  const [incarnation, lane, digits, ...rest] = text.split('/');
  const sequence = Number(digits);
  if (
    !incarnation ||
    rest.length > 0 ||
    !(LANES as readonly string[]).includes(lane ?? '') ||
    !Number.isSafeInteger(sequence) ||
    sequence < 1
  ) {
    throw new HeadwaterError('IDENTITY_INVALID', `"${text}" is not <incarnation>/<lane>/<sequence>`);
  }
  return { incarnation, lane: lane as Lane, sequence };
}
