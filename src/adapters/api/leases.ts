/** The calls about addresses of containers: who has them, and granting them by hand. */

import type { ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { CommandResult } from '../../core/effect.ts'
import { type Address, type Family, parseAddress } from '../../core/ip/address.ts'
import type { Attachment, Door, HeldAddress } from '../../core/ipam/lease.ts'
import type { Operator } from '../../ports/operator.ts'
import { accepted, answer, invalid } from './answer.ts'
import type {
  AdoptLeasesRequest,
  AllocateLeaseRequest,
  LeaseMessage,
  LeaseResponse,
  LeasesResponse,
  Nothing,
  ReleaseLeaseRequest,
} from './definition.ts'
import { leaseMessages, subnetUseMessage } from './lease-messages.ts'

const idBytesMax = 1_024
const doors: readonly Door[] = ['cni', 'docker', 'grpc', 'manual']

export function leaseHandlers(operator: Operator): UntypedServiceImplementation {
  const respond = (result: CommandResult): LeaseResponse => {
    const { message, leases = [] } = accepted(result)
    return { message, leases: leaseMessages(leases, operator.view()) }
  }
  return {
    Leases: answer<Nothing, LeasesResponse>(async () => {
      const view = operator.view()
      return {
        subnets: view.ipam.subnets.map(subnetUseMessage),
        leases: leaseMessages(view.ipam.leases(), view),
      }
    }),
    AllocateLease: answer(
      async ({ request }: ServerUnaryCall<AllocateLeaseRequest, LeaseResponse>) =>
        respond(
          await operator.command({
            type: 'allocate',
            request: {
              attachment: manual(request.id),
              name: request.name,
              addresses: request.addresses.map(addressOf),
              families: request.families.length === 0 ? 'served' : request.families.map(familyOf),
              ...unwitnessed,
            },
          }),
        ),
    ),
    ReleaseLease: answer(async ({ request }: ServerUnaryCall<ReleaseLeaseRequest, LeaseResponse>) =>
      respond(await operator.command({ type: 'release', ...released(request, operator) })),
    ),
    AdoptLeases: answer(async ({ request }: ServerUnaryCall<AdoptLeasesRequest, LeaseResponse>) =>
      respond(await operator.command({ type: 'adopt', held: request.leases.map(heldOf) })),
    ),
  }
}

const unwitnessed = { witness: { bootId: '', path: '', inode: '' }, mac: '' } as const

function manual(id: string): Attachment {
  if (id === '') throw invalid('invalid-id', 'the id is empty: name what gets the address')
  if (Buffer.byteLength(id) > idBytesMax) throw invalid('invalid-id', 'the id is too long')
  return { door: 'manual', network: '', id, ifname: '' }
}

function released(
  { id, address }: ReleaseLeaseRequest,
  operator: Operator,
): { attachment: Attachment; address: Address | undefined } {
  if (address === '') return { attachment: manual(id), address: undefined }
  const asked = addressOf(address)
  const lease = operator.view().ipam.at(asked)
  // What nobody holds is released already: no attachment has it.
  return { attachment: lease?.attachment ?? manual('nobody'), address: asked }
}

function heldOf(lease: Partial<LeaseMessage>): HeldAddress {
  const door = doors.find((each) => each === lease.door)
  if (!door)
    throw invalid('invalid-door', `${JSON.stringify(lease.door)} is no door: ${doors.join(', ')}`)
  return {
    attachment: {
      door,
      network: lease.network ?? '',
      id: lease.id ?? '',
      ifname: lease.interface ?? '',
    },
    address: addressOf(lease.address ?? ''),
    name: lease.name ?? '',
    witness: unwitnessed.witness,
    mac: lease.mac ?? '',
  }
}

/** Throws a Refused. */
export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (address) return address
  throw invalid('invalid-address', `${JSON.stringify(text.slice(0, 64))} is not an IP address`)
}

function familyOf(number: number): Family {
  if (number === 4 || number === 6) return number
  throw invalid('invalid-family', `${number} is no family: 4 or 6`)
}
