import { type Admin, type KafkaSettings, openAdmin } from '../../kafka/index.ts';

/** One administrative connection for all steps of a process, opened when first needed and again after an error. */
export interface SharedAdmin {
  /** @throws HeadwaterError `KAFKA_…` */
  use<T>(work: (admin: Admin) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function sharedAdmin(settings: KafkaSettings): SharedAdmin {
  let current: Promise<Admin> | undefined;
  const drop = async (used: Promise<Admin>) => {
    if (current === used) current = undefined;
    await used.then((admin) => admin.close()).catch(() => {});
  };
  return {
    async use(work) {
      current ??= openAdmin(settings);
      const used = current;
      try {
        return await work(await used);
      } catch (error) {
        void drop(used);
        throw error;
      }
    },
    async close() {
      if (current) await drop(current);
    },
  };
}
