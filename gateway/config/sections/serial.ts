import { z } from 'zod';
import { name } from '../../../contract/index.ts';
import { repeated } from './common.ts';
import { transform } from './transform.ts';

const usbId = z.string().regex(/^[0-9a-fA-F]{4}$/, 'must be 4 hex digits, as lsusb shows them, in quotes');
const column = z.string().min(1).max(64);

const usb = z.strictObject({
  vendorId: usbId.describe('Such as "0403", in quotes.'),
  productId: usbId.describe('Such as "6001", in quotes.'),
  serialNumber: z.string().min(1).optional().describe('Tells two adapters of one make apart.'),
});

const csv = z
  .strictObject({
    columns: z.array(column).min(1).optional().describe('Names of the columns, in their order.'),
    header: z
      .literal('first-line')
      .optional()
      .describe('Instead of columns: the device sends the names itself when it starts.'),
    separator: z
      .string()
      .regex(/^[^"\r\n]$/, 'must be one character, such as ; or "\\t"')
      .default(',')
      .describe('Stands between two fields.'),
    device: column.optional().describe('Column with the name of the device.'),
    time: column.optional().describe('Column with the time of the measurement.'),
    timeFormat: z
      .enum(['ms', 's', 'iso'])
      .default('ms')
      .describe('Milliseconds or seconds since 1970, or ISO 8601 with an offset from UTC.'),
    boot: column.optional().describe('Column with the boot id; with number, the gateway acknowledges the line.'),
    number: column.optional().describe('Column with the number of the line since the device started, from 1.'),
    ignore: z.array(column).default([]).describe('Columns that are no measurements.'),
    units: z.record(column, z.string().min(1).max(32)).default({}).describe('UCUM codes, by column.'),
  })
  .superRefine((its, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((its.columns === undefined) === (its.header === undefined)) problem([], 'must have either columns or header');
    if ((its.boot === undefined) !== (its.number === undefined)) problem([], 'must have both boot and number, or none');
    for (const twice of repeated(its.columns ?? [])) problem(['columns'], `has "${twice}" twice`);
    const { device, time, boot, number } = its;
    const roles = Object.entries({ device, time, boot, number }).flatMap(([role, of]) => (of ? [[role, of]] : []));
    const named = [
      ...roles,
      ...its.ignore.map((of) => ['ignore', of]),
      ...Object.keys(its.units).map((of) => ['units', of]),
    ];
    for (const [where, of] of named as [string, string][]) {
      if (its.columns && !its.columns.includes(of)) problem([where], `names "${of}", which is not one of the columns`);
    }
  });

export const serial = z
  .strictObject({
    path: z
      .string()
      .refine(isPort, 'must be a device file such as /dev/ttyUSB0, or tcp://host:port')
      .optional()
      .describe('A device file such as /dev/ttyUSB0, or tcp://host:port for a line behind a network server.'),
    usb: usb.optional().describe('Instead of path: the USB adapter, whatever port it is plugged into.'),
    baudRate: z
      .int()
      .min(50)
      .max(4_000_000)
      .default(115_200)
      .describe('Speed of the line in bit/s, the same as the device’s.'),
    framing: z
      .enum(['lines', 'csv', 'cobs'])
      .default('lines')
      .describe('lines: a JSON object on each. csv: see csv. cobs: frames with a checksum.'),
    csv: csv.optional().describe('How CSV lines are written; with framing: csv.'),
    device: name.optional().describe('Name of the device, where what it sends gives none.'),
    acknowledge: z.boolean().default(true).describe('Answer each frame, or numbered line, that is on disk.'),
    transform,
  })
  .superRefine((its, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if ((its.path === undefined) === (its.usb === undefined)) problem([], 'must have either path or usb');
    if ((its.framing === 'csv') !== (its.csv !== undefined))
      problem(['csv'], 'goes with framing: csv, and only with it');
    if (its.csv && its.csv.device === undefined && its.device === undefined) {
      problem(['device'], 'is missing: name the device here, or the column that names it in csv.device');
    }
  });

/** What a port is called, wherever it is plugged in: its path, or `usb-0403:6001-A50285BI`. */
export function portName({ path, usb }: Pick<z.output<typeof serial>, 'path' | 'usb'>): string {
  if (!usb) return path!;
  return ['usb', `${usb.vendorId}:${usb.productId}`.toLowerCase(), usb.serialNumber].filter(Boolean).join('-');
}

function isPort(path: string): boolean {
  const [, port] = /^tcp:\/\/[^/:]+:(\d+)$/.exec(path) ?? [];
  return port === undefined ? /^(\/|[A-Z]+\d)/.test(path) : Number(port) >= 1 && Number(port) <= 65_535;
}
