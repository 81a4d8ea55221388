/** What notes about admission say to people, with the command that mends each. */

import type { Description } from '../description.ts'
import { unreachable } from '../invariant.ts'
import type { TrustFault } from './fault.ts'
import { faultText } from './fault.ts'
import type { TrustNote } from './trust-note.ts'

export function describeTrust(note: TrustNote): Description {
  switch (note.code) {
    case 'open-admission':
      return warn(
        `whoever reaches ${note.addresses.join(', ')} may join this cluster: admission is open`,
        'set clusterKeyFile or operatorKey on every node: docs/security.md',
      )
    case 'not-admitted-self':
      return selfText(note)
    case 'certificate-expires':
      return warn(
        note.inMs > 0
          ? `this node's certificate expires in ${Math.ceil(note.inMs / 3_600_000)} h`
          : "this node's certificate has expired, and is accepted for one more day",
        `on the operator's machine: ${admit(note.node, note.name)}; then here: starling admin install FILE`,
      )
    case 'announce-not-allowed':
      return warn(
        `this node does not announce what its certificate does not allow: ${note.prefixes.join(', ')}`,
        "on the operator's machine: starling admin admit with --announce; or remove it from the configuration",
      )
    case 'peer-refused':
      return warn(
        `refused ${called(note.name, note.node)} at ${note.address}: ${faultText(note.why)}`,
        mendOf(note.why, note.node, note.name),
      )
    case 'record-refused':
      return warn(
        `refused the record of ${called(note.name, note.node)}, heard from ${note.from}${note.via === '' ? '' : ` at ${note.via}`}: ${faultText(note.why)}`,
        mendOf(note.why, note.node, note.name),
      )
    case 'node-expelled':
      return warn(
        `put out ${called(note.name, note.node)}: ${faultText(note.why)}`,
        mendOf(note.why, note.node, note.name),
      )
    case 'token-used-twice':
      return error(
        `join token ${note.token} was used twice: it admits ${called(note.admittedName, note.admitted)}, and not ${called(note.refusedName, note.refused)}`,
        `find out which is yours. On the operator's machine: starling admin revoke for the other one, and ${admit('NODE-ID', 'NAME')} for yours`,
      )
    case 'not-admitted':
      return warn(
        `${note.subject} does not admit this node: ${note.reason}`,
        'another problem here says what this node lacks; where none does, compare operatorKey on both',
      )
    default:
      return unreachable(note)
  }
}

function selfText({
  node,
  name,
  why,
  certified,
}: Extract<TrustNote, { code: 'not-admitted-self' }>): Description {
  if (why === 'wrong-name') {
    return error(
      `this node is ${name}, and its certificate is for ${certified}: no node admits it`,
      `start the agent with --name ${certified}, or on the operator's machine: ${admit(node, name)}`,
    )
  }
  return error(
    why === 'no-certificate'
      ? 'this node has no certificate: no node admits it'
      : `no node admits this one: ${faultText(why)}`,
    `on the operator's machine: ${admit(node, name)} > ${name}.paper; then here: starling admin install ${name}.paper`,
  )
}

function mendOf(why: TrustFault, node: string, name: string): string {
  switch (why) {
    case 'no-certificate':
    case 'malformed':
    case 'forged':
    case 'foreign-operator':
    case 'foreign-cluster':
    case 'other-node':
    case 'expired':
    case 'revoked':
      return `if it is yours, on the operator's machine: ${admit(node, name === '' ? 'NAME' : name)}; then on it: starling admin install FILE`
    case 'token-used':
      return `if it is yours, give it a certificate of its own: ${admit(node, name)}`
    case 'wrong-name':
      return 'start its agent with the name in its certificate, or sign another one'
    case 'wrong-prefix':
      return 'restart its agent, or sign another certificate without --prefix'
    case 'wrong-announce':
      return `run starling withdraw on it, or sign another certificate: ${admit(node, name)} --announce PREFIX`
    default:
      return unreachable(why)
  }
}

const admit = (node: string, name: string): string => `starling admin admit ${node} --name ${name}`

const called = (name: string, node: string): string => (name === '' ? node : `${name} (${node})`)

const warn = (message: string, mend: string): Description => ({ level: 'warn', message, mend })
const error = (message: string, mend: string): Description => ({ level: 'error', message, mend })
