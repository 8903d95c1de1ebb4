import { isDeepStrictEqual } from 'node:util';
import type { Db } from 'mongodb';
import type { StoreChange } from '../influx/admin.ts';
import { COLLECTIONS, type Collection, type Index } from './collections.ts';
import { withDatabase } from './database.ts';

/** An index as a server lists it. */
interface Listed {
  readonly name: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly expireAfterSeconds?: number;
  readonly partialFilterExpression?: object;
}

export interface IndexPlan {
  readonly changes: StoreChange[];
  readonly isFerretDb: boolean;
}

/** Indexes that are missing or are not as declared. Others are left alone. @throws HeadwaterError as `withDatabase` */
export async function planIndexes(
  uri: string,
  database: string,
  collections: readonly Collection[] = COLLECTIONS,
): Promise<IndexPlan> {
  const change = (text: string, work: (db: Db) => Promise<unknown>): StoreChange => ({
    text,
    apply: () => withDatabase(uri, database, ({ db }) => work(db).then(() => {})),
  });
  return withDatabase(uri, database, async ({ db, isFerretDb }) => {
    const there = new Set((await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name));
    const changes: StoreChange[] = [];
    for (const { name, indexes } of collections) {
      const listed = there.has(name)
        ? ((await db.collection(name).listIndexes().toArray()) as unknown as Listed[])
        : [];
      for (const index of indexes) {
        const present = listed.find((other) => other.name === index.name);
        const wanted = specification(index, isFerretDb);
        if (present === undefined) {
          const text = `+ index ${name}.${index.name}${isFerretDb ? shortcomings(index) : ''}`;
          changes.push(change(text, (on) => create(on, name, wanted)));
        } else if (!isDeepStrictEqual(essence(present), wanted)) {
          const again = async (on: Db) => {
            await on.collection(name).dropIndex(index.name);
            await create(on, name, wanted);
          };
          changes.push(change(`~ index ${name}.${index.name}: it is made anew`, again));
        }
      }
    }
    return { changes, isFerretDb };
  });
}

const create = (db: Db, collection: string, { key, ...options }: Listed) =>
  db.collection(collection).createIndex(key as Record<string, 1 | -1>, options);

const specification = ({ name, keys, expireAfterSeconds, only }: Index, isFerretDb: boolean): Listed => ({
  name,
  key: keys,
  ...(!isFerretDb && expireAfterSeconds !== undefined && { expireAfterSeconds }),
  ...(!isFerretDb && only && { partialFilterExpression: only }),
});

const essence = ({ name, key, expireAfterSeconds, partialFilterExpression }: Listed): Listed => ({
  name,
  key: Object.fromEntries(Object.entries(key).map(([field, order]) => [field, Number(order)])),
  ...(expireAfterSeconds !== undefined && { expireAfterSeconds: Number(expireAfterSeconds) }),
  ...(partialFilterExpression && { partialFilterExpression }),
});

function shortcomings({ expireAfterSeconds, only }: Index): string {
  const told = [
    ...(expireAfterSeconds === undefined
      ? []
      : [`deletes nothing; MongoDB would after ${expireAfterSeconds / 86_400} days`]),
    ...(only ? ['has no partial indexes; this one holds every document'] : []),
  ];
  return told.length > 0 ? ` (FerretDB ${told.join(', and ')})` : '';
}
