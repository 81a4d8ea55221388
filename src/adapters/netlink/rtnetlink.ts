/** The numbers of rtnetlink that we use (linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h). */

export const protocolRoute = 0

export const headerBytes = 16
export const messageType = {
  error: 2,
  done: 3,
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  delNeighbour: 29,
  getNeighbour: 30,
  newRule: 32,
  delRule: 33,
  getRule: 34,
  setNeighbourTable: 67,
  newNetconf: 80,
  delNetconf: 81,
  newNexthop: 104,
  delNexthop: 105,
} as const

export const messageFlag = {
  request: 0x1,
  ack: 0x4,
  dumpInterrupted: 0x10,
  /** On a request and on a notification of a new object. */
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  dump: 0x300,
} as const

export const multicastGroup = {
  link: 1,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
  ipv4Netconf: 24,
  ipv6Netconf: 25,
  nexthop: 32,
} as const

export const kernelFamily = { unspecified: 0, ipv4: 2, bridge: 7, ipv6: 10 } as const

/** IPv4 and IPv6 have these route types in common. */
export const routeType = {
  unspecified: 0,
  unicast: 1,
  local: 2,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const
export const routeTypeHidden: ReadonlySet<number> = new Set([0, 2, 3, 4, 5])
export const routeFlagCloned = 0x200
/** On a lookup: which entry of the tables matches, in place of what follows from it. */
export const routeFlagFibMatch = 0x2000
/** On a lookup: the answer names the table; without it, it says main. */
export const routeFlagLookupTable = 0x1000
export const nextHopFlag = { dead: 0x1, linkDown: 0x10 } as const
export const routeScope = { universe: 0, link: 253, nowhere: 255 } as const
export const routeAttribute = {
  destination: 1,
  source: 2,
  iif: 3,
  oif: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  via: 18,
  encapsulation: 22,
  nextHopId: 30,
} as const

export const linkAttribute = {
  address: 1,
  name: 3,
  master: 10,
  linkInfo: 18,
  familySettings: 26,
  extensionMask: 29,
  propertyList: 52,
  alternativeName: 53,
} as const
export const linkInfoKind = 1
export const linkFlagUp = 0x1
/** Its operational state allows packets. */
export const linkFlagRunning = 0x40
/** The driver's word on its carrier. */
export const linkFlagLowerUp = 0x1_0000
/** Without it each link's answer carries a kilobyte of counters. */
export const linkFilterSkipStatistics = 0x8

/** `protocol`: who added the address; since Linux 5.18. */
export const addressAttribute = { address: 1, local: 2, flags: 8, protocol: 11 } as const
/** Of struct fib_rule_hdr, and its attributes. */
export const ruleAttribute = { table: 15 } as const
export const ruleActionToTable = 1
export const neighbourAttribute = { destination: 1, hardwareAddress: 2, protocol: 12 } as const
export const neighbourFlagProxy = 0x08
export const neighbourTableAttribute = { name: 1, parameters: 6 } as const
export const neighbourTableParameter = { ifindex: 1, proxyDelayMs: 13 } as const
export const neighbourState = {
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const
export const addressFlag = {
  /** Also "secondary" for IPv4. */
  temporary: 0x01,
  noDuplicateDetection: 0x02,
  duplicate: 0x08,
  deprecated: 0x20,
  tentative: 0x40,
} as const

/** The loopback's index in every network namespace. */
export const loopback = 1
