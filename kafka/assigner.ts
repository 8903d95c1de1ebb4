import kafkajs from 'kafkajs';

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
const NAME = 'headwater-copartitioned';

/** Partition numbers each member had, by member id; a number claimed twice belongs to nobody. */
type Owned = ReadonlyMap<string, readonly number[]>;

/**
 * Shares partition numbers 0…count-1 among members: as evenly as can be, moving as few as can be.
 * @returns the partition numbers of each member
 */
export function sharePartitions(count: number, owned: Owned): Map<string, number[]> {
  const members = [...owned.keys()].sort();
  const share = new Map<string, number[]>(members.map((m) => [m, []]));
  const taken = new Set<number>();
  const claims = new Map<number, number>();
  for (const numbers of owned.values()) for (const n of numbers) claims.set(n, (claims.get(n) ?? 0) + 1);
  const least = Math.floor(count / members.length);
  let extra = count % members.length;
  const byOwnership = [...members].sort((a, b) => owned.get(b)!.length - owned.get(a)!.length || (a < b ? -1 : 1));
  for (const member of byOwnership) {
    const kept = owned.get(member)!.filter((n) => n < count && claims.get(n) === 1);
    let quota = least;
    if (kept.length > least && extra > 0) {
      quota++;
      extra--;
    }
    for (const n of kept.slice(0, quota)) {
      share.get(member)!.push(n);
      taken.add(n);
    }
  }
  for (let n = 0; n < count; n++) {
    if (taken.has(n)) continue;
    const poorest = members.reduce((a, b) => (share.get(b)!.length < share.get(a)!.length ? b : a));
    share.get(poorest)!.push(n);
  }
  return share;
}

/**
 * A kafkajs assigner that gives the same partition numbers of every topic to the same member, and leaves them where they are when the
 * group changes. `mine` tells which numbers this member has at the moment.
 */
export function copartitionedAssigner(mine: () => readonly number[]): kafkajs.PartitionAssigner {
  return ({ cluster }) => ({
    name: NAME,
    version: 1,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: 1, topics, userData: Buffer.from(JSON.stringify(mine())) }),
    }),
    async assign({ members, topics }) {
      const owned = new Map(members.map((m) => [m.memberId, ownedBy(m.memberMetadata)]));
      const counts = topics.map((topic) => cluster.findTopicPartitionMetadata(topic).length);
      const share = sharePartitions(Math.max(0, ...counts), owned);
      return [...share].map(([memberId, numbers]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 1,
          assignment: Object.fromEntries(topics.map((topic, i) => [topic, numbers.filter((n) => n < counts[i]!)])),
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function ownedBy(metadata: Buffer): readonly number[] {
  try {
    const numbers: unknown = JSON.parse(MemberMetadata.decode(metadata)?.userData.toString() ?? '[]');
    return Array.isArray(numbers) ? numbers.filter((n) => Number.isInteger(n)) : [];
  } catch {
    return [];
  }
}
