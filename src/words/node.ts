/** Nodes in words. */

export const livenessText = (liveness: string): string => livenessTexts.get(liveness) ?? liveness

const livenessTexts: ReadonlyMap<string, string> = new Map([
  ['agent-down', 'agent down'],
  ['host-down', 'host down'],
])

/** `/ip4/10.0.1.71/tcp/7871` as people write it. */
export function dialText(multiaddr: string): string {
  const [, kind, host, port] = /^\/(ip4|ip6)\/([^/]+)\/tcp\/([0-9]+)/.exec(multiaddr) ?? []
  if (host === undefined) return multiaddr
  return kind === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
}
