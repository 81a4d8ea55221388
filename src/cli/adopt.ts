/** What CNI runtimes remember of the addresses that they asked for: the cache of libcni. */

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LeaseMessage } from '../adapters/api/definition.ts'
import { parseInterface } from '../core/ip/prefix.ts'

type Found = Partial<LeaseMessage>

/** A text: why it cannot be read. What is no result is passed over; what cannot be read may be one. */
export async function readCniResults(directory: string): Promise<readonly Found[] | string> {
  try {
    const entries = await readdir(directory, { withFileTypes: true })
    const files = entries.filter((entry) => !entry.isDirectory())
    const found: Found[] = []
    for (const { name } of files) {
      found.push(...leasesOf(parsed(await readFile(join(directory, name), 'utf8'))))
    }
    return found
  } catch (thrown) {
    const reason =
      thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    return `cannot read ${directory} (${reason}): name the cache of the CNI runtime with --from, an empty directory if nothing runs`
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return record(JSON.parse(text))
  } catch {
    return {}
  }
}

function leasesOf(cached: Readonly<Record<string, unknown>>): Found[] {
  const { containerId: id, ifName, networkName: network, result } = cached
  if (typeof id !== 'string' || typeof ifName !== 'string' || typeof network !== 'string') return []
  return addressesOf(record(result)).map((address) => ({
    address,
    door: 'cni',
    network,
    id,
    interface: ifName,
  }))
}

/** Of all versions of the result: a list of `ips`, or `ip4` and `ip6`. */
function addressesOf({ ips, ip4, ip6 }: Readonly<Record<string, unknown>>): string[] {
  const texts = [
    ...(Array.isArray(ips) ? ips.map((each) => record(each).address) : []),
    record(ip4).ip,
    record(ip6).ip,
  ]
  return texts.flatMap((text) =>
    typeof text === 'string' ? (parseInterface(text)?.address.text ?? []) : [],
  )
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
