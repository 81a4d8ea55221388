/** The words in which nft is told what to masquerade. */

import type { Prefix } from '../../core/ip/prefix.ts'
import type { Masquerade } from '../../core/routing/host-firewall.ts'

/** A table that replaces the one of its name, whatever that holds, at one stroke. */
export function replacingTable(name: string, masquerade: Masquerade): string {
  const table = `table inet ${name}`
  const sets = setsOf(masquerade).map(
    ({ set, type, elements }) =>
      `  set ${set} { type ${type}; flags interval; ${elements === '' ? '' : `elements = { ${elements} };`} }`,
  )
  return [
    // Whether there is one or not.
    table,
    `delete ${table}`,
    `${table} {`,
    ...sets,
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...rulesOf(masquerade).map((rule) => `    ${rule}`),
    '  }',
    '}',
    '',
  ].join('\n')
}

/** Other elements in the sets of a table that stands. */
export function otherElements(name: string, masquerade: Masquerade): string {
  return setsOf(masquerade)
    .flatMap(({ set, elements }) => [
      `flush set inet ${name} ${set}`,
      ...(elements === '' ? [] : [`add element inet ${name} ${set} { ${elements} }`]),
      '',
    ])
    .join('\n')
}

/** What is nobody's outside: it is not forwarded, or means another host on each link. */
const nowhere = {
  4: '169.254.0.0/16, 224.0.0.0/4, 255.255.255.255',
  6: 'fe80::/10, ff00::/8',
} as const

function rulesOf({ bridge }: Masquerade): string[] {
  const staying = ['lo', ...(bridge === '' ? [] : [bridge])].map((link) => `"${link}"`).join(', ')
  return ([4, 6] as const).map((family) => {
    const word = family === 4 ? 'ip' : 'ip6'
    return [
      `${word} saddr @sources${family}`,
      `${word} daddr != @inside${family}`,
      `${word} daddr != { ${nowhere[family]} }`,
      `oifname != { ${staying} }`,
      'masquerade',
    ].join(' ')
  })
}

function setsOf({ sources, inside }: Masquerade) {
  return ([4, 6] as const).flatMap((family) => {
    const type = family === 4 ? 'ipv4_addr' : 'ipv6_addr'
    const elements = (prefixes: readonly Prefix[]): string =>
      prefixes
        .filter((prefix) => prefix.family === family)
        .map(({ text }) => text)
        .join(', ')
    return [
      { set: `sources${family}`, type, elements: elements(sources) },
      { set: `inside${family}`, type, elements: elements(inside) },
    ]
  })
}
