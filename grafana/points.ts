import { type FieldType, MEASUREMENTS } from '../hub/sinks/index.ts';

/** How a measurement is stored: what identifies its series, and its fields with their types. */
export interface Stored {
  readonly tags: readonly string[];
  readonly fields: Readonly<Record<string, FieldType>>;
}

const BY_NAME: ReadonlyMap<string, Stored> = new Map(
  MEASUREMENTS.map((measurement) => [measurement.name, measurement]),
);

/** @returns undefined where a topic is not stored in InfluxDB */
export const storedAs = (measurement: string): Stored | undefined => BY_NAME.get(measurement);

/** The type of a field; the entries of an object of integers are fields by their own names. */
export function fieldType({ fields }: Stored, name: string): FieldType | undefined {
  return fields[name] ?? (fields[name.split('.')[0]!] === 'integers' ? 'integer' : undefined);
}
