/** One address that is granted to one attachment of a container, and what is asked for when one is granted. */

import type { Address, Family } from '../ip/address.ts'
import type { Prefix } from '../ip/prefix.ts'

/** By which of the ways that containers get addresses. */
export type Door = 'cni' | 'docker' | 'grpc' | 'manual'

/** One interface of one container, as its door names it. */
export interface Attachment {
  readonly door: Door
  /** Name of the CNI network, id of the Docker pool; empty where the door has none. */
  readonly network: string
  readonly id: string
  /** Empty where the door does not tell it. */
  readonly ifname: string
}

/** What will show whether the container lives: its network namespace as it was when the address was granted. */
export interface Witness {
  /** Of the host: nothing that stood before a boot stands after it. */
  readonly bootId: string
  /** Path of the namespace in the host's mount namespace; empty where the door does not tell it. */
  readonly path: string
  /** Device and inode of the namespace, `4:4026532281`; empty: unknown. */
  readonly inode: string
}

export interface Lease {
  readonly attachment: Attachment
  readonly address: Address
  /** The subnet that it was granted from. */
  readonly subnet: Prefix
  /** Whoever comes under this name gets the address again while it is free. Empty: nobody. */
  readonly name: string
  /** Wall clock, ms. */
  readonly sinceMs: number
  readonly witness: Witness
  /** By which view of the host its container was seen alive; empty: by none yet. */
  readonly seenBy: string
  /** Of the container's interface; empty where the door does not tell it. */
  readonly mac: string
}

export interface LeaseRequest {
  readonly attachment: Attachment
  readonly name: string
  /** These and no others of their families; all of them or none. */
  readonly addresses: readonly Address[]
  /** One address of each is wanted besides, where `addresses` has none of it. `served`: of each that this node has a subnet of. */
  readonly families: readonly Family[] | 'served'
  /** What is not named must lie in here; undefined: anywhere in the subnet. */
  readonly within?: Prefix
  readonly witness: Witness
  readonly mac: string
}

/** An address that a container was found to have. */
export type HeldAddress = Pick<Lease, 'attachment' | 'address' | 'name' | 'witness' | 'mac'>

/** An address that was released: it rests, and its last lease is remembered until it is granted again. */
export interface Rest {
  readonly lease: Lease
  /** Wall clock, ms. */
  readonly releasedAtMs: number
}

/** What is written of one address; the newest change of an address holds. */
export type LeaseChange =
  | { readonly type: 'grant'; readonly lease: Lease }
  | { readonly type: 'release'; readonly address: Address; readonly releasedAtMs: number }
  | { readonly type: 'seen'; readonly address: Address; readonly by: string }
  /** Nothing is remembered of it. */
  | { readonly type: 'forget'; readonly address: Address }

/** What is read back at the start. */
export interface StoredLeases {
  readonly leases: readonly Lease[]
  /** The longest rest first. */
  readonly resting: readonly Rest[]
}

/** Why an address is not granted or not released. */
export type LeaseRefusal =
  /** This node has no confirmed subnet of a wanted family: try again later. */
  | 'no-subnet'
  /** Every address of the subnet is held. */
  | 'exhausted'
  /** An address that was asked for is another attachment's. */
  | 'address-taken'
  /** It is in no subnet of this node. */
  | 'address-outside'
  /** It is the network's, the gateway's or the broadcast address. */
  | 'address-unusable'
  /** A release names another address than the attachment holds. */
  | 'other-address'
  /** The store could not write it: nothing is granted or released. */
  | 'leases-unwritable'
  /** The store has not answered in time: the addresses stay reserved until it does. */
  | 'leases-slow'
  /** The stored leases cannot be read: none is granted before that is mended. */
  | 'leases-unreadable'

/** For people: `cni pods/4f2a.../eth0`. */
export const attachmentText = ({ door, network, id, ifname }: Attachment): string =>
  `${door} ${[network, id, ifname].filter((part) => part !== '').join('/')}`

/** What equals it belongs to the same attachment. */
export const attachmentKey = ({ door, network, id, ifname }: Attachment): string =>
  [door, network, id, ifname].join('\0')
