/** Two hosts with an agent and a containerd each, and the network that `starling cni install` writes. */

import assert from 'node:assert/strict'
import { lacking, textOf } from '../../setup/machine.ts'
import { LabContainerd } from '../../simulations/lab/containerd.ts'
import type { LabHost } from '../../simulations/lab/host.ts'
import { LabError } from '../../simulations/lab/iproute.ts'
import { ready, startHosts, withLab } from './lab.ts'

export async function withContainerds(
  name: string,
  options: readonly string[],
  use: (hosts: readonly LabHost[], containerds: readonly LabContainerd[]) => Promise<void>,
): Promise<void> {
  const missing = lacking(['containerd', 'containernetworking-plugins', 'util-linux'])
  if (missing.length > 0)
    throw new LabError('not-seen', `missing ${missing.map(textOf).join(', ')}`)
  await withLab(name, async (lab) => {
    const hosts = await startHosts(lab, 2, options)
    const containerds = hosts.map((host) => new LabContainerd(host))
    try {
      await Promise.all(containerds.map((containerd) => containerd.start()))
      await ready(hosts)
      for (const [index, host] of hosts.entries()) {
        const { binDir, confDir } = containerds[index] as LabContainerd
        const places = ['--bin-dir', binDir, '--conf-dir', confDir]
        const { exitCode, stderr } = await host.cliInside('cni', 'install', ...places)
        assert.equal(exitCode, 0, stderr)
      }
      await use(hosts, containerds)
    } finally {
      for (const containerd of containerds) await containerd.remove()
    }
  })
}
