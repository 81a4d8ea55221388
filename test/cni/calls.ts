/** Calls and leases for tests, each as plain as it can be unless told otherwise. */

import assert from 'node:assert/strict'
import { type Call, parseCall } from '../../src/cni/call.ts'
import { Failure } from '../../src/cni/failure.ts'
import { parseRequest, type Request } from '../../src/cni/request.ts'
import type { Lease, Witness } from '../../src/core/ipam/lease.ts'
import { addressOf, prefixOf } from '../core/specimens.ts'

export const bootId = 'b2a7f0de-0000-4000-8000-000000000001'

export interface Told {
  /** Undefined: the variable is not set. */
  readonly [variable: string]: string | undefined
}

export const conf = (fields: object = {}): object => ({
  cniVersion: '1.1.0',
  name: 'net',
  type: 'bridge',
  ipam: { type: 'starling-ipam' },
  ...fields,
})

/** As the plugin frames it, without the length. */
export function bodyOf(command: string, config: object | string = conf(), told: Told = {}): Buffer {
  const variables: Told = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: 'c1',
    CNI_IFNAME: 'eth0',
    CNI_NETNS: '/run/netns/c1',
    CNI_PATH: '/opt/cni/bin',
    STARLING_PROTOCOL: '1',
    STARLING_UPTIME_MS: '1000',
    STARLING_BOOT_ID: bootId,
    STARLING_NETNS: '4:4026532281',
    ...told,
  }
  const entries = Object.entries(variables)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value}\0`)
  const text = typeof config === 'string' ? config : JSON.stringify(config)
  return Buffer.from(`${entries.join('')}\0${text}`)
}

export function callOf(...given: Parameters<typeof bodyOf>): Call {
  const call = parseCall(bodyOf(...given))
  assert.ok(call)
  return call
}

export function requestOf<Type extends Request['type']>(
  type: Type,
  config?: object | string,
  told?: Told,
): Extract<Request, { type: Type }> {
  const request = parseRequest(callOf(type.toUpperCase(), config, told))
  assert.ok(!(request instanceof Failure), request instanceof Failure ? request.message : '')
  assert.equal(request.type, type)
  return request as Extract<Request, { type: Type }>
}

export function failureOf(command: string, config?: object | string, told?: Told): Failure {
  const request = parseRequest(callOf(command, config, told))
  assert.ok(request instanceof Failure, JSON.stringify(request))
  return request
}

export const witness: Witness = { bootId, path: '/run/netns/c1', inode: '4:4026532281' }

export function leaseOf(address: string, subnet: string, more: Partial<Lease> = {}): Lease {
  return {
    attachment: { door: 'cni', network: 'net', id: 'c1', ifname: 'eth0' },
    address: addressOf(address),
    subnet: prefixOf(subnet),
    name: '',
    sinceMs: 0,
    witness,
    seenBy: '',
    mac: '',
    ...more,
  }
}

export const v4 = leaseOf('172.16.8.5', '172.16.8.0/22')
export const v6 = leaseOf('fd00:10::5', 'fd00:10::/64')
