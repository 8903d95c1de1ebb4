import { decode, type HeadwaterError } from '../../../contract/index.ts';
import type { IncomingBatch, IncomingRecord, TopicPartition } from '../../../kafka/index.ts';
import type { Guard } from './guard.ts';
import { type Line, linesOf, type ToLines } from './lines.ts';
import type { Measurement } from './points.ts';

interface Origin {
  readonly from: TopicPartition;
  readonly record: IncomingRecord;
}

/** A point and the record it comes from. */
export interface StoredLine extends Line, Origin {}

/** A record of which something is not stored, and why. */
export interface Letter extends Origin {
  /** `POINT_UNREADABLE`, `CARDINALITY`, `INFLUX_REFUSED`, `RECORDS_MISSED`. */
  readonly code: string;
  readonly reason: string;
}

export interface Mapper {
  read(batch: IncomingBatch): { readonly lines: StoredLine[]; readonly letters: Letter[] };
}

export function openMapper(measurements: readonly Measurement[], guard: Guard): Mapper {
  const byTopic = new Map<string, ToLines[]>();
  for (const measurement of measurements) {
    const { name } = measurement.topic;
    byTopic.set(name, [...(byTopic.get(name) ?? []), linesOf(measurement)]);
  }

  return {
    read({ topic, partition, records }) {
      const lines: StoredLine[] = [];
      const letters: Letter[] = [];
      const from = { topic, partition };
      const toLines = byTopic.get(topic) ?? [];
      for (const record of records) {
        // A compacted topic's word that a key is gone.
        if (record.value === null) continue;
        try {
          const value = decode(record.value);
          if (typeof value !== 'object' || value === null) throw new Error('the record is no JSON object');
          for (const make of toLines) {
            for (const line of make(value as Record<string, unknown>)) {
              const admission = guard.admit(line.measurement, line.series);
              if (admission === 'stored') lines.push({ ...line, from, record });
              else if (admission === 'told') letters.push({ code: 'CARDINALITY', reason: tooMany(line), from, record });
            }
          }
        } catch (error) {
          const { code = 'POINT_UNREADABLE', message } = error as Partial<HeadwaterError> & Error;
          letters.push({ code, reason: message, from, record });
        }
      }
      return { lines, letters };
    },
  };
}

const tooMany = ({ measurement, series }: Line) =>
  `${measurement} has as many series in InfluxDB as stores.influx.maxSeries allows, and ${series.slice(0, 300)} would be a further one`;
