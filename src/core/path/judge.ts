/** What one host would do with a packet between two addresses, judged from what its kernel and its agent say. */

import type { Address } from '../ip/address.ts'
import { sysctlName } from '../sysctl.ts'
import { type FirewallVerdict, isUsable, type Look, type Neighbour } from './look.ts'
import type { Step, StepVerdict } from './step.ts'

export interface HostFacts {
  readonly from: Address
  readonly to: Address
  /** What this host is to the two addresses: both may be its own. */
  readonly ends: { readonly from: boolean; readonly to: boolean }
  /** Its subnet that `to` lies in; empty: none. */
  readonly subnet: string
  /** `to` is behind another node of the cluster, and a route of the agent's leads there. */
  readonly isRouted: boolean
  /** Of `from`, or of the host that it is behind: where the packet comes in. */
  readonly back: Look
  /** Of `to`: where it goes. */
  readonly ahead: Look
  /** What the kernel says of the packet as one that comes in, or its error; undefined: it was not asked. */
  readonly inputError: string | undefined
  /** Of the interface that it comes in by. */
  readonly forwarding: 'on' | 'off' | 'unknown'
  readonly firewall: FirewallVerdict
  /** Of the next hop, or of `to` where it is on the link. */
  readonly neighbour: Neighbour
  /** Who holds `to`, in words; empty: nobody of this host's leases. */
  readonly lease: string
  /** What the agent says of its route to `to`; both empty where nothing is wrong with it. */
  readonly routing: { readonly reason: string; readonly mend: string }
}

/** The judgement ends where the packet does: what comes after a missing route cannot be told. */
export function judgeHost(facts: HostFacts): Step[] {
  const { ends, back, ahead, from, to } = facts
  if (!ends.from && !ends.to) {
    const message = `neither ${from.text} nor ${to.text} is of this host, by what its agent knows`
    return [step('subnet', 'wrong', message, 'starling status there: has it converged?')]
  }
  const steps: Step[] = [ends.to ? subnetStep(facts) : sourceStep(facts), routeStep(facts)]
  if (!isUsable(ahead) || steps.some(({ verdict }) => verdict === 'wrong')) return steps
  // On one bridge nothing is forwarded, and the host sends its own packets and takes in those for itself.
  const isForwarded = back.type !== 'own' && ahead.type !== 'own' && back.ifindex !== ahead.ifindex
  if (isForwarded && back.ifindex === 0) {
    const message = `by which link it comes in is not known: no route leads back to ${from.text}`
    steps.push(step('input', 'unknown', message))
  } else if (isForwarded) steps.push(forwardingStep(facts), inputStep(facts), firewallStep(facts))
  if (facts.subnet !== '' && ahead.type !== 'own') steps.push(leaseStep(facts))
  if (ahead.type !== 'own') steps.push(neighbourStep(facts))
  return steps
}

function sourceStep({ from, back }: HostFacts): Step {
  if (back.type === 'own') return step('source', 'ok', `${from.text} is an address of this host`)
  if (back.type === 'link' && isUsable(back)) {
    return step('source', 'ok', `${from.text} is on ${back.interface}`)
  }
  const where = back.route === '' ? 'no route of this host leads to it' : `it has ${back.route}`
  return step(
    'source',
    'wrong',
    `${from.text} is on no link of this host: ${where}`,
    'see whether its container runs and is attached to the bridge: ip link, bridge link',
  )
}

function subnetStep({ to, subnet, ahead, lease }: HostFacts): Step {
  if (ahead.type === 'own') return step('subnet', 'ok', `${to.text} is an address of this host`)
  if (subnet !== '') return step('subnet', 'ok', `${to.text} lies in its subnet ${subnet}`)
  // Its subnet may be another node's by now, and a container keeps the address.
  if (lease !== '') return step('subnet', 'ok', lease)
  return step('subnet', 'ok', `${to.text} lies in a further prefix that it announces`)
}

function routeStep(facts: HostFacts): Step {
  const { ends, to, ahead, routing, isRouted, subnet } = facts
  if (ahead.type === 'none') {
    const why = routing.reason === '' ? `the kernel says ${ahead.error}` : routing.reason
    return step(
      'route',
      'wrong',
      `no route leads to ${to.text}: ${why}`,
      routing.mend || 'starling resync',
    )
  }
  if (ahead.isDown) {
    const mend = ends.to
      ? 'attach a container, or set the link up: ip link, bridge link'
      : 'plug the cable in, or set the link up: ip link'
    return step('route', 'wrong', `${ahead.route}: its link is down`, mend)
  }
  if (ends.to && subnet !== '' && ahead.type === 'gateway') {
    const message = `packets for its own subnet leave this host: ${ahead.route}`
    return step('route', 'wrong', message, `ip route get ${to.text} names the route to remove`)
  }
  if (ends.to || ahead.isOwned || !isRouted) return step('route', 'ok', ahead.route)
  const why = routing.reason === '' ? '' : ` (${routing.reason})`
  return step(
    'route',
    'wrong',
    `packets for ${to.text} do not take a route of starling, but ${ahead.route}${why}`,
    routing.mend || `starling routes tells what is in the way; ip route get ${to.text}`,
  )
}

function forwardingStep({ from, back, forwarding }: HostFacts): Step {
  const setting = sysctlName(`net/ipv${from.family}/conf/${back.interface}/forwarding`)
  switch (forwarding) {
    case 'on':
      return step('forwarding', 'ok', `${back.interface} forwards`)
    case 'off':
      return step(
        'forwarding',
        'wrong',
        `${back.interface} does not forward: ${setting} is 0`,
        `sysctl -w ${setting}=1`,
      )
    default:
      return step('forwarding', 'unknown', `nobody can read ${setting}`)
  }
}

function inputStep({ from, back, inputError }: HostFacts): Step {
  if (inputError === undefined) return step('input', 'unknown', 'the kernel was not asked')
  if (inputError === '') {
    return step('input', 'ok', `the kernel takes it in from ${back.interface}`)
  }
  if (inputError === 'EXDEV') {
    return step(
      'input',
      'wrong',
      `the reverse path filter drops packets of ${from.text} that come in by ${back.interface}`,
      `sysctl -w ${sysctlName(`net/ipv4/conf/${back.interface}/rp_filter`)}=2`,
    )
  }
  return step(
    'input',
    'wrong',
    `the kernel drops what comes in by ${back.interface} from ${from.text}: ${inputError}`,
    'ip rule and ip route show which table such packets are looked up in',
  )
}

function firewallStep({ firewall }: HostFacts): Step {
  switch (firewall.verdict) {
    case 'pass':
      return step('firewall', 'ok', `the firewall passes it: ${firewall.by}`)
    case 'drop':
      return step(
        'firewall',
        'wrong',
        `the firewall drops it: ${firewall.by}`,
        'let the bridge of containers through: docs/firewall.md, or start the agent with --open-forward',
      )
    default:
      return step('firewall', 'unknown', `what the firewall does is not known: ${firewall.by}`)
  }
}

const leaseStep = ({ to, lease }: HostFacts): Step =>
  lease === ''
    ? step('lease', 'unknown', `nobody has a lease of ${to.text}: whoever uses it chose it itself`)
    : step('lease', 'ok', lease)

function neighbourStep({ to, ahead, neighbour, ends }: HostFacts): Step {
  const who = (ahead.nextHop ?? to).text
  switch (neighbour) {
    case 'answers':
      return step('neighbour', 'ok', `${who} answers on ${ahead.interface}`)
    case 'stale':
      return step('neighbour', 'ok', `${who} answered on ${ahead.interface} some time ago`)
    case 'none':
      return step('neighbour', 'ok', `${ahead.interface} needs no neighbours`)
    case 'silent':
      return step(
        'neighbour',
        'wrong',
        `nobody answers for ${who} on ${ahead.interface}`,
        ends.to
          ? 'see whether its container runs, and has this address on the bridge'
          : `see whether ${who} is up, and on the same LAN as ${ahead.interface}`,
      )
    default:
      return step('neighbour', 'unknown', `whether ${who} answers on ${ahead.interface}`)
  }
}

const step = (code: Step['code'], verdict: StepVerdict, message: string, mend = ''): Step => ({
  code,
  verdict,
  message,
  mend,
})
