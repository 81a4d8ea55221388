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
