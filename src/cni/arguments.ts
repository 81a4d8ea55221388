/** CNI_ARGS: what a runtime says of the container besides its configuration. */

export type Arguments = ReadonlyMap<string, string>

/** `KEY=VALUE` parted by semicolons; what is of another form is somebody else's. */
export function parseArguments(text: string): Arguments {
  const found = new Map<string, string>()
  for (const each of text.split(';')) {
    const equals = each.indexOf('=')
    if (equals > 0) found.set(each.slice(0, equals), each.slice(equals + 1))
  }
  return found
}

/**
 * The name under which the container comes again, empty where it has none that outlasts it: Kubernetes' and podman's
 * Pod, Nomad's group. A second interface is another name, or the two would change their addresses.
 */
export function nameIn(given: Arguments, ifname: string): string {
  const parts =
    [
      ['K8S_POD_NAMESPACE', 'K8S_POD_NAME'],
      ['NOMAD_NAMESPACE', 'NOMAD_JOB_ID', 'NOMAD_GROUP_NAME'],
    ].find((keys) => given.get(keys.at(-1) ?? '')) ?? []
  const name = parts.flatMap((key) => given.get(key) || []).join('/')
  if (name === '' || name.length > nameLengthMax) return ''
  return ifname === 'eth0' ? name : `${name}/${ifname}`
}

const nameLengthMax = 512
