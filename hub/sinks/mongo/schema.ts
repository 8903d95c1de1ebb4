import { z } from 'zod';
import { HeadwaterError, timestamp } from '../../../contract/index.ts';

/** A schema as Connect's JsonConverter takes it in `schema.content`. */
export interface ConnectSchema {
  readonly type: string;
  readonly optional: boolean;
  readonly name?: string;
  readonly version?: number;
  readonly field?: string;
  readonly fields?: readonly ConnectSchema[];
  readonly items?: ConnectSchema;
  readonly keys?: ConnectSchema;
  readonly values?: ConnectSchema;
}

const required = { optional: false };
const TIME = { type: 'int64', name: 'org.apache.kafka.connect.data.Timestamp', version: 1, ...required };

/**
 * What Connect must know of a record's type: by it times become dates, at any depth, and a record that lacks a field is refused before it reaches the
 * database. A field that may be absent is null in a document.
 * @throws HeadwaterError `SCHEMA_UNKNOWN` for a type that it has no word for
 */
export function connectSchema(schema: z.ZodType): ConnectSchema {
  if (schema === timestamp) return TIME;
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) {
    return { ...connectSchema(schema.unwrap() as z.ZodType), optional: true };
  }
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).map(([field, type]) => ({
      ...connectSchema(type as z.ZodType),
      field,
    }));
    return { type: 'struct', fields, ...required };
  }
  if (schema instanceof z.ZodArray)
    return { type: 'array', items: connectSchema(schema.element as z.ZodType), ...required };
  if (schema instanceof z.ZodRecord) {
    const values = connectSchema(schema.valueType as z.ZodType);
    return { type: 'map', keys: { type: 'string', ...required }, values, ...required };
  }
  if (schema instanceof z.ZodNumber) {
    return { type: schema.format === 'safeint' ? 'int64' : 'double', ...required };
  }
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return { type: 'string', ...required };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean', ...required };
  if (schema instanceof z.ZodLiteral && [...schema.values].every((value) => typeof value === 'boolean')) {
    return { type: 'boolean', ...required };
  }
  throw new HeadwaterError('SCHEMA_UNKNOWN', `Connect has no type for ${schema.type}`);
}
