/** The addresses that a container is to have, by whichever of the ways to ask for them. */

import { type Address, bitsOf, parseAddress } from '../core/ip/address.ts'
import { holds, type Prefix, parseInterface } from '../core/ip/prefix.ts'
import type { Arguments } from './arguments.ts'
import { Failure } from './failure.ts'
import { asObject, asTexts, type JsonObject, quoted } from './json.ts'

export interface Asked {
  readonly address: Address
  /** As it was written behind the address. */
  readonly length: number | undefined
}

/** The key of a Pod's annotation; several addresses are parted by commas. */
const annotation = 'starling/ips'
const annotations = 'io.kubernetes.cri.pod-annotations'

const askedMax = 16

/** All that is asked for, each once. */
export function askedAddresses(json: JsonObject, given: Arguments): readonly Asked[] | Failure {
  const runtime = asObject(json.runtimeConfig)
  const args = asObject(asObject(json.args)?.cni)
  const ways: readonly (readonly [string, unknown])[] = [
    ['runtimeConfig.ips', runtime?.ips],
    ['args.cni.ips', args?.ips],
    ['CNI_ARGS IP', given.get('IP')],
    [`the annotation ${annotation}`, asObject(runtime?.[annotations])?.[annotation]],
  ]
  const found = new Map<string, Asked>()
  for (const [way, value] of ways) {
    const wrong = (what: unknown) =>
      new Failure(
        way.startsWith('CNI_ARGS') ? 'environment' : 'config',
        `${way}: ${quoted(what)} is no address`,
      )
    const texts = textsIn(value)
    if (!texts) return wrong(value)
    for (const text of texts) {
      const asked = parseAsked(text)
      if (!asked) return wrong(text)
      found.set(asked.address.text, { ...found.get(asked.address.text), ...asked })
    }
  }
  if (found.size > askedMax) {
    return new Failure('config', `${found.size} addresses are asked for, and ${askedMax} is most`)
  }
  return [...found.values()]
}

/** An address is written with the length of its subnet, that of a host, or none. */
export function wrongLength(
  asked: readonly Asked[],
  subnets: readonly Prefix[],
): Failure | undefined {
  for (const { address, length } of asked) {
    const subnet = subnets.find((each) => holds(each, address))
    if (length === undefined || length === bitsOf(address.family)) continue
    // Outside of every subnet it is refused for that.
    if (!subnet || subnet.length === length) continue
    return new Failure(
      'config',
      `${address.text}/${length} is asked for, and the subnet is ${subnet.text}: write /${subnet.length} or no length`,
    )
  }
  return undefined
}

function textsIn(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  const texts = typeof value === 'string' ? value.split(',') : asTexts(value)
  return texts?.map((text) => text.trim()).filter((text) => text !== '')
}

function parseAsked(text: string): Asked | undefined {
  if (!text.includes('/')) {
    const address = parseAddress(text)
    return address && { address, length: undefined }
  }
  const parsed = parseInterface(text)
  return parsed && { address: parsed.address, length: parsed.prefix.length }
}
