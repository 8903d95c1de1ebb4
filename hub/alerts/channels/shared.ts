/** Something that takes a connection, opened when it is first used and, after it failed, anew. */
export interface Shared<T> {
  /** @throws what opening or `work` throws */
  use<R>(work: (thing: T) => Promise<R>): Promise<R>;
  close(): Promise<void>;
}

export function shared<T extends { close(): Promise<void> }>(open: () => Promise<T>): Shared<T> {
  let opened: Promise<T> | undefined;
  const drop = (thing: Promise<T> | undefined) =>
    thing?.then(
      (one) => one.close().catch(() => {}),
      () => {},
    );
  return {
    async use(work) {
      opened ??= open();
      const mine = opened;
      try {
        return await work(await mine);
      } catch (error) {
        if (opened === mine) {
          opened = undefined;
          void drop(mine);
        }
        throw error;
      }
    },
    async close() {
      await drop(opened);
      opened = undefined;
    },
  };
}
