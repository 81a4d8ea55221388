/** Whether runtimes find what they need to connect containers. */

import { listed } from '../../core/listed.ts'
import { type Check, type Facts, type Finding, fail, judged, ok, warn } from './check.ts'

export const containerChecks: readonly Check[] = [
  {
    code: 'cni-network',
    group: 'containers',
    reads: '`cniConfDir`, or /etc/cni/net.d',
    wrong:
      'Another network comes first, which most runtimes use alone; or the agent is to write one and it is not there.',
    mend: 'Rename the file of the other network; or `starling cni install`.',
    judge: (facts) =>
      judged(facts.cni, 'CNI networks', ({ files, ours }) => judgeNetworks(facts, files, ours)),
  },
  {
    code: 'cni-plugins',
    group: 'containers',
    reads:
      '`cniBinDir`, /opt/cni/bin, /usr/lib/cni, /usr/libexec/cni: `bridge`, `portmap` and `bandwidth` asked for their versions, and `starling-ipam`',
    wrong:
      'A network of starling is there, and its plugins are not, have no version of CNI in common, or are of another starling.',
    mend: 'Install containernetworking-plugins, then `starling cni install`.',
    judge: ({ cni, setup }) =>
      judged(cni, 'CNI plugins', ({ ours, versions, lack, plugin }) => {
        if (ours.length === 0 && setup.cniConfDir === '') return []
        if (lack !== '') return [fail(lack, 'apt-get install containernetworking-plugins')]
        if (plugin === 'absent') return [fail('the plugin starling-ipam is missing', install)]
        const newest = `CNI ${versions.at(-1) ?? '?'}`
        if (plugin === 'other') {
          return [warn(`starling-ipam is not the plugin of this starling (${newest})`, install)]
        }
        return [ok(`all plugins know ${newest}`)]
      }),
  },
]

const install = 'starling cni install'

function judgeNetworks(
  { setup, agent }: Facts,
  files: readonly string[],
  ours: readonly string[],
): readonly Finding[] {
  const [first] = files
  const [own] = ours
  if (own === undefined) {
    if (setup.cniConfDir !== '' && agent) {
      return [
        fail(
          `the agent is to write a network into ${setup.cniConfDir}, and it is not there`,
          'starling status says why',
        ),
      ]
    }
    const others = files.length > 0 ? ` (others are: ${listed(files)})` : ''
    return [ok(`no CNI network of starling is installed${others}`)]
  }
  if (first === own) return [ok(`runtimes find ${own} first`)]
  return [
    warn(
      `${first} comes before ${own}, and most runtimes use only the first file`,
      `mv ${first} ${first}.off, unless it is meant to come first`,
    ),
  ]
}
