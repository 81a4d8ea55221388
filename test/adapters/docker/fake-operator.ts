/** An operator in front of one subnet per family, which it grants the addresses of in ascending order. */

import type { CommandResult } from '../../../src/core/effect.ts'
import type { Command } from '../../../src/core/event.ts'
import { type Address, address } from '../../../src/core/ip/address.ts'
import { gatewayOf } from '../../../src/core/ip/pool.ts'
import { holds, type Prefix } from '../../../src/core/ip/prefix.ts'
import {
  type Attachment,
  attachmentKey,
  type Lease,
  type LeaseRequest,
} from '../../../src/core/ipam/lease.ts'
import type { AgentView } from '../../../src/core/view.ts'
import type { Operator } from '../../../src/ports/operator.ts'
import { healthyView } from '../../cli/fake-agent.ts'

export class FakeOperator implements Operator {
  readonly commands: Command[] = []
  readonly leases = new Map<string, Lease>()
  subnets: readonly Prefix[]
  /** What every command is answered with, where it is set. */
  refusal: CommandResult | undefined

  constructor(...subnets: readonly Prefix[]) {
    this.subnets = subnets
  }

  view(): AgentView {
    const all = () => [...this.leases.values()]
    return {
      ...healthyView(),
      ipam: {
        subnets: this.subnets.map((prefix) => ({
          prefix,
          gateway: gatewayOf(prefix),
          size: 0n,
          used: 0,
          resting: 0,
          withheld: 0,
          free: 0n,
        })),
        leases: all,
        resting: () => [],
        reusedEarly: 0,
        of: (attachment) =>
          all().filter((lease) => attachmentKey(lease.attachment) === attachmentKey(attachment)),
        at: ({ text }) => this.leases.get(text),
        lastAt: () => undefined,
      },
    }
  }

  async command(command: Command): Promise<CommandResult> {
    this.commands.push(command)
    if (this.refusal) return this.refusal
    if (command.type === 'allocate') return this.#allocate(command.request)
    if (command.type === 'release') return this.#release(command.attachment)
    return { ok: false, code: 'internal', message: command.type }
  }

  watch(): () => void {
    return () => {}
  }

  #allocate(request: LeaseRequest): CommandResult {
    const held = this.view().ipam.of(request.attachment)
    if (held.length > 0) return { ok: true, message: 'held', leases: held }
    const [asked] = request.addresses
    if (asked && this.leases.has(asked.text)) {
      return { ok: false, code: 'address-taken', message: `${asked.text} is taken` }
    }
    const families = request.families === 'served' ? [4 as const] : request.families
    const subnet = this.subnets.find(({ family }) => families.includes(family))
    const free = asked ?? (subnet && this.#free(subnet))
    if (!subnet || !free) return { ok: false, code: 'exhausted', message: 'no address is free' }
    const { attachment, name, witness, mac } = request
    const lease: Lease = {
      ...{ attachment, address: free, subnet, name, sinceMs: 0, witness, seenBy: '', mac },
    }
    this.leases.set(free.text, lease)
    return { ok: true, message: 'granted', leases: [lease] }
  }

  #free(subnet: Prefix): Address | undefined {
    for (let value = subnet.first + 2n; value < subnet.last; value += 1n) {
      const candidate = address(subnet.family, value)
      if (holds(subnet, candidate) && !this.leases.has(candidate.text)) return candidate
    }
    return undefined
  }

  #release(attachment: Attachment): CommandResult {
    const held = this.view().ipam.of(attachment)
    for (const lease of held) this.leases.delete(lease.address.text)
    return { ok: true, message: 'released', leases: held }
  }
}
