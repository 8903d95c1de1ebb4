import type { Reading } from '../../../../contract/index.ts';
import { conversionOf, type TransformStep, tidy } from '../../../config/index.ts';
import { matchesGlob } from './glob.ts';
import { SeriesMemory, type Ticket } from './memory.ts';

/** A reading on its way through the transform. */
export interface Draft {
  readonly device: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly ts: number;
  readonly clock: Reading['clock'];
  /** An alarm is never dropped for being like the last one or too soon after it. */
  readonly alarm: boolean;
}

export type DropReason = 'deadband' | 'rate_limit' | 'condition';

/** What becomes of a reading, or why it is dropped. */
export type Transform = (reading: Draft, ticket: Ticket) => Draft | DropReason;

/** The declared steps as one function. It remembers series; the ticket must be settled when the outcome of the reading's message is known. */
export function transformOf(steps: readonly TransformStep[]): Transform {
  const compiled = steps.map(compile);
  return (reading, ticket) => {
    let now = reading;
    for (const step of compiled) {
      const result = step(now, ticket);
      if (typeof result === 'string') return result;
      now = result;
    }
    return now;
  };
}

function compile(step: TransformStep): Transform {
  const action = actionOf(step);
  if (step.match === undefined) return action;
  const { device, metric, unit } = step.match;
  return (reading, ticket) => {
    if (unit !== undefined && reading.unit !== unit) return reading;
    if (metric !== undefined && !matchesGlob(metric, reading.metric)) return reading;
    if (device !== undefined && !matchesGlob(device, reading.device)) return reading;
    return action(reading, ticket);
  };
}

function actionOf(step: TransformStep): Transform {
  if (step.rename) return renaming(step.rename);
  if (step.convert) return converting(step.convert);
  if (step.scale) return scaling(step.scale);
  if (step.deadband) return deadband(step.deadband);
  if (step.rateLimit) return rateLimit(step.rateLimit.every);
  return dropping(step.drop ?? {});
}

function renaming({ device, metric }: NonNullable<TransformStep['rename']>): Transform {
  const fill = (template: string, reading: Draft) =>
    template.replaceAll('{device}', reading.device).replaceAll('{metric}', reading.metric);
  return (reading) => ({
    ...reading,
    ...(device !== undefined && { device: fill(device, reading) }),
    ...(metric !== undefined && { metric: fill(metric, reading) }),
  });
}

function converting({ from, to }: NonNullable<TransformStep['convert']>): Transform {
  const { unit, convert } = conversionOf(from, to);
  return (reading) => ({ ...reading, value: convert(reading.value), unit });
}

function scaling({ factor, offset, unit }: NonNullable<TransformStep['scale']>): Transform {
  return (reading) => ({
    ...reading,
    value: tidy(reading.value * factor + offset),
    ...(unit !== undefined && { unit }),
  });
}

function dropping({ below, above, equals }: NonNullable<TransformStep['drop']>): Transform {
  const always = below === undefined && above === undefined && equals === undefined;
  return (reading) => {
    const { value } = reading;
    const holds =
      always ||
      (below !== undefined && value < below) ||
      (above !== undefined && value > above) ||
      (equals !== undefined && value === equals);
    return holds ? 'condition' : reading;
  };
}

function deadband({ absolute, percent, maxSilence }: NonNullable<TransformStep['deadband']>): Transform {
  return thinning('deadband', (reading, last) => {
    if (Math.abs(reading.ts - last.ts) >= maxSilence) return false;
    const band = absolute ?? (Math.abs(last.value) * percent!) / 100;
    return Math.abs(reading.value - last.value) <= band;
  });
}

/** By the time of measurement, so that what a device has stored is thinned like what it sends at once, and not to a single reading. */
function rateLimit(every: number): Transform {
  return thinning('rate_limit', (reading, last) => Math.abs(reading.ts - last.ts) < every);
}

function thinning(
  reason: DropReason,
  drops: (reading: Draft, last: { readonly value: number; readonly ts: number }) => boolean,
): Transform {
  const memory = new SeriesMemory();
  return (reading, ticket) => {
    const series = `${reading.device}/${reading.metric}`;
    const last = memory.last(series, ticket);
    if (last && !reading.alarm && drops(reading, last)) {
      ticket.leanOn(last.ticket);
      return reason;
    }
    memory.keep(series, reading.value, reading.ts, ticket);
    return reading;
  };
}
