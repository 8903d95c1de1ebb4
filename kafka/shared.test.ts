import { expect, test } from 'vitest';
import { shared } from './shared.ts';

function connections() {
  const opened: { closed: boolean }[] = [];
  const one = shared(async () => {
    const connection = {
      closed: false,
      async close() {
        this.closed = true;
      },
    };
    opened.push(connection);
    return connection;
  });
  return { opened, one };
}

const fails = () => Promise.reject(new Error('refused'));

test('what failed for one is opened anew for whoever comes next, and closed when the others have done with it', async () => {
  const { opened, one } = connections();
  const work = Promise.withResolvers<string>();
  const used = one.use(() => work.promise);
  await expect(one.use(fails)).rejects.toThrow('refused');
  await one.use(async () => {});
  expect(opened).toMatchObject([{ closed: false }, { closed: false }]);
  work.resolve('done');
  expect(await used).toBe('done');
  expect(opened).toMatchObject([{ closed: true }, { closed: false }]);
});

test('at the end all are closed at once, also those in use', async () => {
  const { opened, one } = connections();
  void one.use(() => new Promise(() => {}));
  await expect(one.use(fails)).rejects.toThrow('refused');
  await one.use(async () => {});
  await one.close();
  expect(opened).toMatchObject([{ closed: true }, { closed: true }]);
});

test('one that cannot be opened is tried again by whoever comes next', async () => {
  let tries = 0;
  const one = shared(async () => {
    if (++tries === 1) throw new Error('away');
    return { close: async () => {} };
  });
  await expect(one.use(async () => {})).rejects.toThrow('away');
  await one.use(async () => {});
  expect(tries).toBe(2);
});
