/** Something that takes a connection, opened when it is first used and, after it failed, anew. */
export interface Shared<T> {
  /** @throws what opening or `work` throws */
  use<R>(work: (thing: T) => Promise<R>): Promise<R>;
  /** At once, whoever still uses it. */
  close(): Promise<void>;
}

export function shared<T extends { close(): Promise<void> }>(open: () => Promise<T>): Shared<T> {
  /** How many use each: what failed for one is closed when it has served the others. */
  const users = new Map<Promise<T>, number>();
  let current: Promise<T> | undefined;
  const end = (thing: Promise<T>) => {
    users.delete(thing);
    return thing.then((one) => one.close()).catch(() => {});
  };
  const leave = (thing: Promise<T>) => {
    const others = (users.get(thing) ?? 0) - 1;
    if (others >= 0) users.set(thing, others);
    if (others === 0 && thing !== current) void end(thing);
  };
  return {
    async use(work) {
      current ??= open();
      const mine = current;
      users.set(mine, (users.get(mine) ?? 0) + 1);
      try {
        return await work(await mine);
      } catch (error) {
        if (current === mine) current = undefined;
        throw error;
      } finally {
        leave(mine);
      }
    },
    async close() {
      const last = current;
      current = undefined;
      const ends = [...users.keys()].map((thing) => ({ thing, over: end(thing) }));
      // What failed may have no end: Kafka hangs.
      await ends.find(({ thing }) => thing === last)?.over;
    },
  };
}
