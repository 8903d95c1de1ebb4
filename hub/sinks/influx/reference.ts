import { type FieldType, MEASUREMENTS } from './points.ts';

const UNMARKED: FieldType = 'float';

/** The table of measurements as docs/reference/data-model.md has it. */
export function measurementsTable(): string {
  const rows = MEASUREMENTS.map(({ name, bucket, time, tags, fields }) => {
    const columns = [`\`${name}\``, bucket, `\`${time}\``, list(tags), list(Object.keys(fields), fields)];
    return `| ${columns.join(' | ')} |`;
  });
  return ['| measurement | bucket | time | tags | fields |', '|---|---|---|---|---|', ...rows].join('\n');
}

function list(names: readonly string[], types: Readonly<Record<string, FieldType>> = {}): string {
  const marked = names.map((name) => {
    const type = types[name] ?? UNMARKED;
    return type === UNMARKED ? `\`${name}\`` : `\`${name}\` (${type})`;
  });
  return marked.join(', ') || '—';
}
