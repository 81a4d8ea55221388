/** Of the settings of an agent, as it tells them or as they were given, what the checks ask for. */

import type { SettingMessage } from '../../adapters/api/definition.ts'
import { parsePrefix } from '../../core/ip/prefix.ts'
import type { Setup } from './check.ts'

export function setupOf(settings: readonly SettingMessage[]): Setup {
  const values = (key: string): readonly string[] =>
    settings.find((setting) => setting.key === key)?.values ?? []
  const one = (key: string): string => {
    const [value = ''] = values(key)
    return value === 'none' ? '' : value
  }
  return {
    pools: values('pool').flatMap((text) => parsePrefix(text) ?? []),
    bridge: one('bridge'),
    interface: one('interface'),
    stateDir: one('stateDir'),
    port: Number(one('port')),
    protocol: Number(one('protocol')),
    seeds: values('seed'),
    masquerades: one('masquerade') === 'true',
    opens: one('openForward') === 'true',
    cniConfDir: one('cniConfDir'),
    cniBinDir: one('cniBinDir'),
  }
}

/** Where a seed is, whatever way it is written; undefined: in a way that is not known here. */
export function placeOf(
  seed: string,
  defaultPort: number,
): { host: string; port: number } | undefined {
  const [, , kind, name, port] =
    /^(\/(ip4|ip6|dns|dns4|dns6)\/([^/]+))\/tcp\/([0-9]+)/.exec(seed) ?? []
  if (kind !== undefined && name !== undefined) return { host: name, port: Number(port) }
  const [, v6, v6Port] = /^\[([^\]]+)\](?::([0-9]+))?$/.exec(seed) ?? []
  if (v6 !== undefined) return { host: v6, port: Number(v6Port ?? defaultPort) }
  if (parseV6(seed)) return { host: seed, port: defaultPort }
  const [, host, plainPort] = /^([^:/]+)(?::([0-9]+))?$/.exec(seed) ?? []
  return host === undefined ? undefined : { host, port: Number(plainPort ?? defaultPort) }
}

const parseV6 = (text: string): boolean => (text.match(/:/g) ?? []).length > 1
