/** The attacks by name, each with the circumstances it needs and what must hold beyond what always must. */

/** What a case can look at after its attack. */
export interface Aftermath {
  /** Connections to the stranger's address. */
  readonly hits: number
  /** What the attack cost the agent that it cost most. */
  readonly cpuSeconds: number
  /** The most that a kernel has. */
  routeCount(): Promise<number>
  /** Faults, where the host that joined last cannot leave. */
  leaves(): Promise<readonly string[]>
  /** Faults, where the host that was down cannot leave and come back. */
  leavesAndReturns(): Promise<readonly string[]>
  /** Faults, where commands print control and bidirectional characters. */
  unprintable(): Promise<readonly string[]>
  /** Faults, where a host with the attacker as its only seed claims a subnet of its own. */
  claimsAlone(): Promise<readonly string[]>
}

export interface Case {
  readonly name: string
  /** Cases of one arena follow each other in it, against the same agents; others have agents of their own. */
  readonly arena?: string
  /** What must hold, in one sentence. */
  readonly promise: string
  /** Which part of an agent sees to it. */
  readonly mends: 'core' | 'transport'
  /** Whether the cluster has a key, and whether the attacker has it too. */
  readonly key: 'none' | 'stolen' | 'unknown'
  /** The hosts were admitted by an operator; and whether the attacker was. */
  readonly signed?: 'member' | 'stranger'
  /** Which attack it is, where others do the same in other circumstances. */
  readonly attack?: string
  /** The last victim's agent is stopped before the attack and started after it. */
  readonly absent?: true
  /** The attack begins once every host was routed to for the tenure, which is short in its arena, and is looked at later. */
  readonly established?: true
  /** A host joins after the attack, as one does after the last attack of every arena. */
  readonly joined?: true
  /** MiB that an agent may grow by. */
  readonly growthMbMax?: number
  /** Further faults that it finds, in words. */
  readonly look?: (aftermath: Aftermath) => Promise<readonly string[]>
}

const member = { key: 'none' } as const
const stranger = { key: 'unknown' } as const

export const cases: readonly Case[] = [
  {
    name: 'extra-inside-another',
    arena: 'members',
    promise: 'an extra inside another host’s subnet, the receiver’s included, becomes no route',
    mends: 'core',
    ...member,
  },
  {
    name: 'next-hop-inside-another',
    arena: 'members',
    promise: 'a next hop inside another host’s subnet costs that subnet no route',
    mends: 'core',
    ...member,
  },
  {
    name: 'broad-pool',
    arena: 'members',
    promise: 'a claim from a pool of half of the address space takes nothing from anybody',
    mends: 'core',
    ...member,
  },
  {
    name: 'fences-over-everything',
    arena: 'members',
    promise: 'a leave with a fence over every address touches no claim, no leave and no eviction',
    mends: 'core',
    joined: true,
    look: (aftermath) => aftermath.leaves(),
    ...member,
  },
  {
    name: 'pool-excluded',
    arena: 'members',
    promise: 'two nodes that exclude the whole pool keep no newcomer from a subnet',
    mends: 'core',
    ...member,
  },
  {
    name: 'backdated-claim',
    arena: 'established',
    promise: 'a used claim that says that it is the first of all takes no confirmed subnet',
    mends: 'core',
    established: true,
    ...member,
  },
  {
    name: 'backdated-by-itself',
    arena: 'established',
    promise: 'nor does that of a member which is connected to all',
    mends: 'core',
    established: true,
    ...member,
  },
  {
    name: 'backdated-with-witnesses',
    arena: 'established',
    promise: 'nor does one that fewer than the hosts say to have seen',
    mends: 'core',
    established: true,
    ...member,
  },
  {
    name: 'eviction-of-all',
    arena: 'established',
    promise: 'hosts that are connected to each other are evicted by nobody',
    mends: 'core',
    // An eviction takes effect where it is not answered within the tenure.
    established: true,
    ...member,
  },
  {
    name: 'fenced-and-taken',
    arena: 'established',
    promise:
      'a host that is down loses no subnet to who fences it forty times and claims it behind the last fence',
    mends: 'core',
    absent: true,
    established: true,
    ...member,
  },
  {
    name: 'false-eviction',
    arena: 'absent',
    promise: 'a host that was evicted at a version that it never wrote has not been evicted',
    mends: 'core',
    absent: true,
    ...member,
  },
  {
    name: 'eviction-of-the-absent',
    arena: 'absent',
    promise: 'a host that was evicted while it was down comes back to its subnet',
    mends: 'core',
    absent: true,
    ...member,
  },
  {
    name: 'high-fences',
    arena: 'absent',
    promise:
      'a host whose subnet was fenced as high as it goes comes back, and can leave and come back again',
    mends: 'core',
    absent: true,
    look: (aftermath) => aftermath.leavesAndReturns(),
    ...member,
  },
  {
    name: 'many-tombstones',
    arena: 'many',
    promise: '9,000 tombstones of nobody cost neither memory nor the next start',
    // Garbage of reading them, which the heap keeps for a while. 8,192 are remembered, so 9,000 are too many.
    growthMbMax: 150,
    mends: 'core',
    ...member,
  },
  {
    name: 'many-identities',
    arena: 'many',
    promise:
      '1,500 identities over one connection cost no host its subnet and no kernel its memory',
    mends: 'core',
    // Some 1,100 of them are let in at once: as many nodes may join. What they cost is their records and routes. So 1,500
    // are too many identities, and their 12,000 extras too many routes.
    growthMbMax: 200,
    look: async (aftermath) => {
      const count = await aftermath.routeCount()
      // 4096 announced prefixes, and the subnets of the pool.
      return count > 4_096 + 1_024 ? [`a kernel has ${count} routes`] : []
    },
    ...member,
  },
  {
    name: 'replayed-records',
    arena: 'bytes',
    promise: 'the same words again and again change nothing',
    mends: 'transport',
    ...member,
  },
  {
    name: 'strange-names',
    arena: 'bytes',
    promise: 'no name of another node moves an operator’s cursor',
    mends: 'transport',
    look: (aftermath) => aftermath.unprintable(),
    ...member,
  },
  {
    name: 'addresses-of-a-victim',
    arena: 'bytes',
    promise: 'no record makes agents connect to an address outside of the cluster’s networks',
    mends: 'transport',
    look: async (aftermath) =>
      aftermath.hits > 0
        ? [`agents connected ${aftermath.hits} times to a stranger's address`]
        : [],
    ...member,
  },
  {
    name: 'forged-signatures',
    arena: 'bytes',
    promise: 'who floods with forged signatures is thrown out, and costs no host its subnet',
    mends: 'transport',
    look: async (aftermath) => {
      const seconds = aftermath.cpuSeconds
      return seconds > 8 ? [`the attack cost an agent ${seconds.toFixed(1)} s of CPU`] : []
    },
    ...member,
  },
  {
    name: 'oversized-messages',
    arena: 'bytes',
    promise: 'messages beyond every bound cost their sender the connection alone',
    mends: 'transport',
    ...member,
  },
  {
    name: 'truncated-messages',
    arena: 'bytes',
    promise: 'every beginning of a message is refused',
    mends: 'transport',
    ...member,
  },
  {
    name: 'nested-messages',
    arena: 'bytes',
    promise: 'lists in lists without an end are refused',
    mends: 'transport',
    ...member,
  },
  {
    name: 'random-bytes',
    arena: 'bytes',
    promise: 'noise on every protocol is refused',
    mends: 'transport',
    ...member,
  },
  {
    name: 'slow-reader',
    arena: 'bytes',
    promise: 'a peer that asks for everything and reads nothing costs bounded memory',
    mends: 'transport',
    ...member,
  },
  {
    name: 'endless-streams',
    arena: 'bytes',
    promise: 'streams that never end cost bounded memory, and no other peer its answers',
    mends: 'transport',
    ...member,
  },
  {
    name: 'many-connections',
    arena: 'bytes',
    promise: 'a thousand connections leave room for newcomers of other addresses',
    mends: 'transport',
    growthMbMax: 150,
    ...member,
  },
  {
    name: 'idle-sockets',
    arena: 'sockets',
    promise: '1,500 idle sockets of one address keep no newcomer out of a keyed cluster',
    mends: 'transport',
    ...stranger,
  },
  {
    name: 'dribbling-sockets',
    arena: 'sockets',
    promise: 'sockets that are always about to say something keep no newcomer out',
    mends: 'transport',
    ...stranger,
  },
  {
    name: 'socket-storm',
    arena: 'sockets',
    promise: 'thousands of sockets that come and go cost a keyed cluster nothing',
    mends: 'transport',
    ...stranger,
  },
  {
    name: 'silent-seed',
    arena: 'sockets',
    promise: 'a seed that answers TCP and no handshake is no reason to claim alone',
    mends: 'transport',
    look: (aftermath) => aftermath.claimsAlone(),
    ...stranger,
  },
  {
    name: 'backdated-by-a-signed-member',
    arena: 'signed',
    attack: 'backdated-by-itself',
    promise: 'a member that the operator admitted takes no confirmed subnet by its word',
    mends: 'core',
    established: true,
    signed: 'member',
    ...member,
  },
  {
    name: 'evicted-by-a-signed-member',
    arena: 'signed',
    attack: 'eviction-of-all',
    promise: 'nor does it put out hosts that are connected to each other',
    mends: 'core',
    established: true,
    signed: 'member',
    ...member,
  },
  {
    name: 'unsigned-stranger',
    arena: 'signed',
    attack: 'backdated-claim',
    promise: 'who has no certificate gets no connection',
    mends: 'transport',
    signed: 'stranger',
    ...member,
  },
  {
    name: 'many-identities-of-a-signed-member',
    arena: 'signed',
    attack: 'many-identities',
    promise: 'identities that the operator did not admit are not heard, whoever brings them',
    mends: 'core',
    signed: 'member',
    look: async (aftermath) => {
      const count = await aftermath.routeCount()
      return count > 10 ? [`a kernel has ${count} routes`] : []
    },
    ...member,
  },
  {
    name: 'many-tombstones-of-a-signed-member',
    arena: 'signed',
    attack: 'many-tombstones',
    promise: 'nor are the ends of nodes that the operator never admitted',
    mends: 'core',
    growthMbMax: 150,
    signed: 'member',
    ...member,
  },
]

/** Those that share agents together, all others each by itself; in the order given. */
export function byArena(wanted: readonly Case[]): readonly (readonly [Case, ...Case[]])[] {
  const arenas = new Map<string, [Case, ...Case[]]>()
  for (const one of wanted) {
    const key = one.arena === undefined ? one.name : `arena ${one.arena}`
    const before = arenas.get(key)
    if (before) before.push(one)
    else arenas.set(key, [one])
  }
  return [...arenas.values()]
}
