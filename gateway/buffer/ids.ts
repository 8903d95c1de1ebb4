import { MESSAGE_BYTES } from './packets.ts';

/** The tables that remember the devices' ids. They are read whole at opening. */
export const ID_TABLES = ['frames', 'packets', 'inbound'] as const;
export type IdTable = (typeof ID_TABLES)[number];

/** Conditions for rows that no commit wrote: SQLite itself takes any value in any column, and so does its check. */
export const UNSOUND: Readonly<Record<IdTable, string>> = {
  frames: `typeof(device) <> 'text' OR typeof(boot) <> 'text' OR typeof(used) <> 'integer'
    OR typeof(seen) <> 'blob' OR length(seen) = 0`,
  packets: `typeof(client) <> 'text' OR typeof(messages) <> 'blob' OR length(messages) = 0
    OR length(messages) % ${MESSAGE_BYTES} <> 0`,
  inbound: "typeof(client) <> 'text' OR typeof(packet) <> 'integer'",
};
