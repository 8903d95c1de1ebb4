import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { duration, size } from '../../contract/index.ts';
import { GatewayConfig, gatewayJsonSchema } from './schema.ts';
import { formats } from './sections/formats.ts';
import { transform } from './sections/transform.ts';

// The reference of every setting, made from the schema. `node gateway/config/reference.ts` writes it and the JSON Schema to docs/reference.

interface Setting {
  readonly path: string;
  readonly type: string;
  readonly unit: string;
  /** `required`, `none`, or the value. */
  readonly fallback: string;
  readonly description: string;
  readonly children: readonly Setting[];
}

/** Sections that many inputs share: described once. */
const SHARED = [
  { schema: formats, title: 'Payload formats', anchor: 'payload-formats', name: 'formats' },
  { schema: transform, title: 'Transform steps', anchor: 'transform-steps', name: 'transform' },
] as const;

const INTRODUCTION = `# Settings of the gateway

Every setting of the gateway's configuration file, made from the schema that checks the file (\`node gateway/config/reference.ts\`). An editor that knows
[gateway.schema.json](gateway.schema.json) completes and checks them while you type. [The example](../../gateway/config/example.yaml) shows a whole file.

- Durations are written as \`500ms\`, \`10s\`, \`5m\`, \`12h\`, \`30d\`; sizes as \`512 MiB\`, \`2 GiB\`. A bare number is in the unit of the column *Unit*.
- A setting that is **required** within a section matters only where the section is given.
- Paths of files are relative to the folder of the configuration file. Secrets stand in files of their own.
- An environment variable overrides the file. Its value is YAML, so a whole list can be given:
  \`HEADWATER_GATEWAY__KAFKA__BROKERS='[kafka-1:9093, kafka-2:9093]'\`. What stands within a list has no variable of its own.
- \`headwater gateway check --config FILE\` tells everything that is wrong with a file, each by its path and line.
`;

/** The page docs/reference/gateway-settings.md. */
export function settingsReference(): string {
  const { inputs, ...rest } = GatewayConfig.shape;
  const inputShape = objectIn(inputs)!.shape;
  const sections = [
    ...Object.entries(rest).map(([key, schema]) => section(key, schema)),
    '## inputs\n\nAt least one of them.\n',
    ...Object.entries(inputShape).map(([key, schema]) => section(`inputs.${key}`, schema as z.ZodType, '###')),
    ...SHARED.map(({ schema, title, name }) => sharedSection(title, name, schema)),
  ];
  return `${[INTRODUCTION, ...sections].join('\n').trimEnd()}\n`;
}

/** The JSON Schema for editors, docs/reference/gateway.schema.json. */
export function schemaFile(): string {
  return `${JSON.stringify(gatewayJsonSchema(), null, 2)}\n`;
}

/** Every setting by its path, for a look at all of them. */
export function allSettings(): readonly Setting[] {
  const flat = (setting: Setting): Setting[] => [setting, ...setting.children.flatMap(flat)];
  const sections = Object.entries(GatewayConfig.shape).flatMap(([key, schema]) =>
    flat(settingOf(key, schema as z.ZodType)),
  );
  return [...sections, ...SHARED.flatMap(({ schema, name }) => listItems(`${name}[]`, schema).flatMap(flat))];
}

function section(path: string, schema: z.ZodType, heading = '##'): string {
  const setting = settingOf(path, schema);
  const text = setting.description === '' ? '' : `\n${escaped(setting.description)}\n`;
  const rows = setting.children.length > 0 ? setting.children : [setting];
  return `${heading} ${path}\n${text}\n${table(rows, true)}`;
}

function sharedSection(title: string, name: string, schema: z.ZodType): string {
  const text = `## ${title}\n\n${escaped(unwrap(schema).description)} \`${name}\` is a list of these.\n`;
  const variants = variantsOf(schema);
  if (variants === undefined) return `${text}\n${table(listItems(`${name}[]`, schema), false)}`;
  const tables = variants.map((variant) => {
    const rows = children('', variant);
    const format = rows.find(({ path }) => path === 'format')!;
    return `### format: ${format.type.replaceAll('`', '')}\n\n${table(rows, false)}`;
  });
  return [text, ...tables].join('\n');
}

function table(settings: readonly Setting[], variables: boolean): string {
  const head = ['Setting', 'Type', 'Unit', 'Default', 'Description', ...(variables ? ['Environment variable'] : [])];
  const lines = settings.flatMap(flatten).map(({ path, type, unit, fallback, description }) => {
    const cells = [`\`${path}\``, type, unit, fallback, escaped(description), ...(variables ? [variableOf(path)] : [])];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return `| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|\n${lines.join('\n')}\n`;
}

/** Text that Markdown would take for HTML. */
function escaped(text: string): string {
  return text.replaceAll('<', '&lt;');
}

function flatten(setting: Setting): Setting[] {
  return [setting, ...setting.children.flatMap(flatten)];
}

function variableOf(path: string): string {
  if (path.includes('[]')) return '';
  const names = path.split('.').map((key) => key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return `\`HEADWATER_GATEWAY__${names.join('__')}\``;
}

interface Unwrapped {
  readonly core: z.ZodType;
  readonly optional: boolean;
  readonly fallback: unknown;
  readonly description: string;
  readonly quantity: 'duration' | 'size' | undefined;
}

/** What is within defaults, optionals and conversions. The outermost description counts. */
function unwrap(schema: z.ZodType): Unwrapped {
  let core = schema;
  let optional = false;
  let fallback: unknown;
  let description = '';
  for (;;) {
    description ||= core.description ?? '';
    for (const [known, quantity] of [
      [duration, 'duration'],
      [size, 'size'],
    ] as const) {
      if (core._zod.def === known._zod.def) return { core, optional, fallback, description, quantity };
    }
    if (core instanceof z.ZodDefault || core instanceof z.ZodPrefault) {
      fallback ??= core._zod.def.defaultValue;
      core = core._zod.def.innerType as z.ZodType;
    } else if (core instanceof z.ZodOptional) {
      optional = true;
      core = core._zod.def.innerType as z.ZodType;
    } else if (core instanceof z.ZodPipe) core = core._zod.def.in as z.ZodType;
    else return { core, optional, fallback, description, quantity: undefined };
  }
}

function settingOf(path: string, schema: z.ZodType): Setting {
  const { core, optional, fallback, description, quantity } = unwrap(schema);
  const shared = sharedIn(schema);
  const element = core instanceof z.ZodArray ? (core.element as z.ZodType) : undefined;
  const nested = shared ? [] : element ? children(`${path}[]`, element) : children(path, core);
  const unit = quantity === 'duration' ? 'ms' : quantity === 'size' ? 'bytes' : '';
  const required = fallback === undefined && !optional;
  const text = shared ? `See [${shared.title.toLowerCase()}](#${shared.anchor}).` : description;
  return {
    path,
    type: quantity ?? (shared ? 'list' : typeOf(core)),
    unit,
    fallback: required ? '**required**' : written(fallback, quantity),
    description: text,
    children: nested,
  };
}

function children(path: string, schema: z.ZodType): Setting[] {
  const { core } = unwrap(schema);
  const options = core instanceof z.ZodUnion ? (core.options as z.ZodType[]) : [core];
  const shapes = options.flatMap((option) => objectIn(option)?.shape ?? []);
  return shapes.flatMap((shape) =>
    Object.entries(shape).map(([key, its]) => settingOf(path === '' ? key : `${path}.${key}`, its as z.ZodType)),
  );
}

function listItems(path: string, schema: z.ZodType): Setting[] {
  const { core } = unwrap(schema);
  return core instanceof z.ZodArray ? children(path, core.element as z.ZodType) : [];
}

function variantsOf(schema: z.ZodType): z.ZodType[] | undefined {
  const { core } = unwrap(schema);
  const element = core instanceof z.ZodArray ? unwrap(core.element as z.ZodType).core : undefined;
  return element instanceof z.ZodUnion ? (element.options as z.ZodType[]) : undefined;
}

function objectIn(schema: z.ZodType): z.ZodObject | undefined {
  const { core } = unwrap(schema);
  return core instanceof z.ZodObject ? core : undefined;
}

function sharedIn(schema: z.ZodType) {
  return SHARED.find((shared) => shared.schema._zod.def === schema._zod.def);
}

/** The type in words, with the range of a number. */
function typeOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodArray) return `list of ${listed(typeOf(unwrap(schema.element as z.ZodType).core))}`;
  if (schema instanceof z.ZodUnion)
    return (schema.options as z.ZodType[]).map((its) => typeOf(unwrap(its).core)).join(' or ');
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  if (json.enum) return json.enum.map((value) => `\`${value}\``).join(' or ');
  if (json.const !== undefined) return `\`${json.const}\``;
  switch (json.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
    case 'number':
      return `${json.type === 'integer' ? 'whole number' : 'number'}${rangeOf(json)}`;
    case 'object':
      return json.properties ? 'section' : 'map';
    default:
      return 'value';
  }
}

function listed(type: string): string {
  return type === 'text' ? 'texts' : type === 'section' ? 'sections' : type;
}

function rangeOf({ minimum, maximum }: { minimum?: number; maximum?: number }): string {
  const from = minimum === undefined || minimum <= -Number.MAX_SAFE_INTEGER ? undefined : minimum;
  const to = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (from !== undefined && to !== undefined) return `, ${from}–${to}`;
  if (from !== undefined) return `, from ${from}`;
  return to === undefined ? '' : `, to ${to}`;
}

const DURATIONS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;
const SIZES = [
  [' GiB', 1_024 ** 3],
  [' MiB', 1_024 ** 2],
  [' KiB', 1_024],
  [' kB', 1_000],
  [' B', 1],
] as const;

/** A default as it would stand in the file. */
function written(value: unknown, quantity: Unwrapped['quantity']): string {
  if (value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0)) return 'none';
  if (typeof value === 'number' && quantity !== undefined && value > 0) {
    const units = quantity === 'duration' ? DURATIONS : SIZES;
    const [unit, factor] = units.find(([, factor]) => value % factor === 0) ?? ['', 1];
    return `\`${value / factor}${unit}\``;
  }
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '../../docs/reference');
  writeFileSync(join(folder, 'gateway-settings.md'), settingsReference());
  writeFileSync(join(folder, 'gateway.schema.json'), schemaFile());
}
