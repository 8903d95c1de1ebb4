import { getAsset } from 'node:sea';

/** Runs inside the binary. The text that was built into it under this name. */
export const embeddedText = (name: string): string => getAsset(name, 'utf8');
