import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTables, newState } from './database.ts';
import { PACKET_LIMITS, PacketMemory } from './packets.ts';

function database(): DatabaseSync {
  const db = new DatabaseSync(':memory:');
  createTables(db, newState(0));
  return db;
}

const limits = { clients: 4, packets: 64 };
const messagesIn = (db: DatabaseSync) =>
  Number(db.prepare('SELECT total(length(messages)) / 8 AS n FROM packets').get()!.n);
const rowsIn = (db: DatabaseSync) => Number(db.prepare('SELECT count(*) AS n FROM packets').get()!.n);

test('a client’s last message with a packet id is known by its digest, and also after loading and a rollback', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        client: fc.constantFrom('a', 'b', 'c'),
        packetId: fc.constantFrom(1, 2, 3, 65_535),
        digest: fc.constantFrom(0, 1, 2 ** 48 - 1),
      }),
    },
    fc.constantFrom('save' as const, 'reopen' as const, 'roll back' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const db = database();
      let memory = new PacketMemory(db, PACKET_LIMITS);
      let known = new Map<string, number>();
      let saved = new Map(known);
      const commit = () => {
        db.exec('BEGIN');
        memory.save();
        db.exec('COMMIT');
        saved = new Map(known);
      };
      for (const step of steps) {
        if (step === 'save') commit();
        else if (step === 'reopen') {
          commit();
          memory = new PacketMemory(db, PACKET_LIMITS);
        } else if (step === 'roll back') {
          db.exec('BEGIN');
          memory.save();
          db.exec('ROLLBACK');
          memory.load();
          known = new Map(saved);
        } else {
          const { client, packetId, digest } = step;
          expect(memory.knows(client, packetId, digest)).toBe(known.get(`${client}/${packetId}`) === digest);
          memory.remember(client, packetId, digest);
          known.set(`${client}/${packetId}`, digest);
        }
      }
    }),
  );
});

test('a commit writes one row for each client, however many messages it sent', () => {
  const db = database();
  const memory = new PacketMemory(db, PACKET_LIMITS);
  for (let id = 1; id <= 1_000; id++) memory.remember(`client-${id % 4}`, id, id);
  memory.save();
  expect([rowsIn(db), messagesIn(db)]).toEqual([4, 1_000]);
});

test('clients share the memory: whoever has more than a share forgets the oldest, down to a part of a row', () => {
  const db = database();
  const memory = new PacketMemory(db, limits);
  const send = (client: string, from: number, to: number) => {
    for (let id = from; id <= to; id++) memory.remember(client, id, 7);
    memory.save();
  };
  send('a', 1, 30);
  send('a', 31, 64);
  for (const known of [memory, new PacketMemory(db, limits)]) expect(known.knows('a', 1, 7)).toBe(true);
  send('a', 65, 65);
  for (const known of [memory, new PacketMemory(db, limits)]) {
    expect([9, 10].map((id) => known.knows('a', id, 7))).toEqual([false, true]);
  }
  send('b', 1, 8);
  send('a', 66, 70);
  for (const known of [memory, new PacketMemory(db, limits)]) {
    expect([42, 43].map((id) => known.knows('a', id, 7))).toEqual([false, true]);
    expect(known.knows('b', 1, 7)).toBe(true);
  }
  expect(messagesIn(db)).toBe(28 + 8);
});

test('the clients heard longest ago are forgotten, and the memory stays within its limits', () => {
  const db = database();
  const memory = new PacketMemory(db, limits);
  for (let n = 0; n < 500; n++) {
    for (let id = 1; id <= 1 + (n % 9); id++) memory.remember(`client-${(n * n) % 7}`, id, n);
    memory.save();
    expect(messagesIn(db)).toBeLessThanOrEqual(limits.packets);
    expect(db.prepare('SELECT count(DISTINCT client) AS n FROM packets').get()!.n).toBeLessThanOrEqual(limits.clients);
  }
  const clients = ['v', 'w', 'x', 'y', 'z'];
  for (const client of clients) {
    memory.remember(client, 1, 1);
    memory.save();
  }
  for (const known of [memory, new PacketMemory(db, limits)]) {
    expect(clients.map((client) => known.knows(client, 1, 1))).toEqual([false, true, true, true, true]);
  }
});

test('a client that has all its 65,535 messages unacknowledged is known by each of them', () => {
  const db = database();
  const memory = new PacketMemory(db, PACKET_LIMITS);
  for (let id = 1; id <= 65_535; id++) {
    memory.remember('a', id, id);
    if (id % 500 === 0) memory.save();
  }
  for (let id = 1; id <= 65_535; id++) if (!memory.knows('a', id, id)) expect.fail(`${id}`);
});
