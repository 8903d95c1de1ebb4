import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { State } from './database.ts';

/**
 * What is noted beside the database, in a small file of its own, so that an old copy is known for one: of the database, of this file, or of the
 * whole folder. It is made anew at each opening, at each checkpoint, and when the buffer is closed.
 */
export interface Note {
  /** Random, made at each opening, and stored in the database first, with the one noted before it. */
  readonly session: string;
  /** Commits the database had then: it never has fewer. */
  readonly commits: number;
  /** The buffer was being closed, so its journal may be gone. */
  readonly closing: boolean;
  /** When the database file was born, in ns; a copy is born later. 0 where the file system does not tell. */
  readonly databaseBorn: string;
  /** When the file of this note was born: what is copied over it afterwards gives itself away. */
  readonly noteBorn: string;
  /** The database was found damaged at this: the next opening repairs it. */
  readonly damage?: string;
}

const fileOf = (dir: string): string => join(dir, 'buffer.session');

export const newSession = (): string => randomBytes(6).toString('hex');

/** Synced when it returns. @throws the file system's error */
export function writeNote(dir: string, note: Omit<Note, 'databaseBorn' | 'noteBorn'>): void {
  const file = fileOf(dir);
  // A name of its own: a file born under the old one would be the old one.
  const fresh = `${file}.new`;
  const fd = openSync(fresh, 'w', 0o600);
  try {
    const whole: Note = {
      ...note,
      databaseBorn: bornOf(join(dir, 'buffer.db')),
      noteBorn: String(fstatSync(fd, { bigint: true }).birthtimeNs),
    };
    writeFileSync(fd, JSON.stringify(whole));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, file);
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * The database was opened and closed again without being used, and its journal may be gone. Not where a sign of replacement would go with the old
 * note. @throws the file system's error
 */
export function noteClosed(dir: string, note: Note): void {
  const isItself =
    !differs(note.databaseBorn, bornOf(join(dir, 'buffer.db'))) && !differs(note.noteBorn, bornOf(fileOf(dir)));
  if (isItself) writeNote(dir, { ...note, closing: true });
}

/** Undefined where there is none that can be read. */
export function readNote(dir: string): Note | undefined {
  if (!existsSync(fileOf(dir))) return undefined;
  try {
    return JSON.parse(readFileSync(fileOf(dir), 'utf8')) as Note;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Why the database cannot be the one that was last used here, or null. Nothing that a kill or a power cut leaves behind looks like that, given a
 * disk that keeps what it synced.
 */
export function signOfReplacement(
  dir: string,
  note: Note | undefined,
  state: State,
  hadJournal: boolean,
): string | null {
  const { session, commits, last } = state;
  const isNew = session.now === '' && last.every((sequence) => sequence === 0);
  if (isNew) return null;
  if (note === undefined) {
    return commits === 0 ? null : 'the note beside it (buffer.session) is missing or cannot be read';
  }
  const openedOnly = commits === session.commits && note.session === session.before;
  if (note.session !== session.now && !openedOnly)
    return 'it was last opened at another time than the note beside it says';
  if (commits < note.commits) return `it has had ${commits} commits, and the note beside it says ${note.commits}`;
  if (differs(note.databaseBorn, bornOf(join(dir, 'buffer.db')))) return 'its file was made after it was last used';
  if (differs(note.noteBorn, bornOf(fileOf(dir)))) return 'the note beside it (buffer.session) was overwritten';
  if (!note.closing && !hadJournal && note.session === session.now) return 'its journal (buffer.db-wal) is missing';
  return null;
}

function differs(noted: string, found: string): boolean {
  return noted !== found && noted !== '0' && found !== '0';
}

function bornOf(path: string): string {
  return String(statSync(path, { bigint: true, throwIfNoEntry: false })?.birthtimeNs ?? 0);
}
